import {serviceToken} from '../service-token.ts';
import {classOf} from '../container.ts';
import {EspalierError} from '../errors.ts';
import {HostTable} from '../http/host-table.ts';
import {patternSegment} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import type {SocketOptions} from '../http/web-sockets.ts';
import type {ResourceClass, Verb} from './declarations.ts';
import type {HandlerOptions} from './input.ts';
import type {MiddlewareClass} from './middleware.ts';
import type {Branch, Gated, Handler, Node, SocketHandler, Tree} from './tree.ts';

/** A class of the tree. */
export interface ClassView<T> {
  readonly name: string;
  /** The class itself. */
  readonly type: T;
  /** The file and line where a resource was declared, `src/people.ts:12`, or where middleware was put on the way, if that is known. */
  readonly place: string | undefined;
}

/** A method that answers a verb, as the tree declares it. */
export interface HandlerView {
  readonly verb: Verb;
  /** Its class and name: `People.list()`. */
  readonly method: string;
  /** Where it was declared, `src/people.ts:12`, if that is known. */
  readonly place: string | undefined;
  /** The schemas of what it takes and gives, and its status, as they were declared. */
  readonly options: HandlerOptions;
  /** What stands before it alone, the first one asked first. */
  readonly middleware: readonly ClassView<MiddlewareClass>[];
}

/** A method that takes WebSockets, as the tree declares it. */
export interface SocketView {
  /** Its class and name: `Rooms.chat()`. */
  readonly method: string;
  /** Where it was declared, `src/rooms.ts:12`, if that is known. */
  readonly place: string | undefined;
  /** As they were declared. */
  readonly options: SocketOptions;
  /** What stands before it alone, the first one asked first. */
  readonly middleware: readonly ClassView<MiddlewareClass>[];
}

/** A resource of the tree, as it is declared. */
export interface ResourceView extends ClassView<ResourceClass> {
  /** The way to it, `/people/:name`; `/` is the root. A colon first, a slash and a percent sign of a literal segment are encoded. */
  readonly pattern: string;
  /** The host that it is for, as `virtualHosts()` names it; nothing where it is for all. */
  readonly host: string | undefined;
  readonly isLeaf: boolean;
  /** The method that makes it for each request, `People.find()`; nothing where the container makes it once. */
  readonly madeBy: string | undefined;
  /** What stands before it and all below it, the first one asked first. Before the root that of the site comes first. */
  readonly middleware: readonly ClassView<MiddlewareClass>[];
  readonly handlers: readonly HandlerView[];
  /** The method that takes its WebSockets; nothing where none does. */
  readonly socket: SocketView | undefined;
  /** By their segments in alphabetical order, the capture last; where hosts stand in its place, these. */
  readonly children: readonly ResourceView[];
  /** Whether it stands above itself, as a folder in folders: then its children are not shown again. */
  readonly isRepeated: boolean;
}

/** The tree of a site, as data. It is there when the site is built. */
export interface SiteTree {
  /** The root, with all below it. Throws `DEPENDENCY_FAILED` before the site is built. */
  readonly root: ResourceView;
}

/** The token by which a resource or service asks for the tree that it is part of. */
export const SiteTree = serviceToken<SiteTree>('SiteTree');

/** A tree that can be asked for before it has grown. It is looked at when somebody asks. */
export class LaterTree implements SiteTree {
  #look: (() => ResourceView) | undefined;
  #view: ResourceView | undefined;

  grow(tree: Tree, use: Gated): void {
    this.#look = () => viewOf(tree, use);
  }

  get root(): ResourceView {
    if (!this.#look) throw tooEarly();
    return (this.#view ??= this.#look());
  }
}

function tooEarly(): EspalierError {
  const message =
    'The tree was asked for before the site was built. Ask for it when a request comes, or from site.tree.';
  return new EspalierError('DEPENDENCY_FAILED', message);
}

/** The resources that the segments of a path lead to, for a host, as the tree is declared, one for each: nothing where it has none. */
export function alongPath(
  root: ResourceView,
  segments: readonly string[],
  host: string | undefined,
): readonly (ResourceView | undefined)[] {
  let way: readonly ResourceView[] = [housed(root, host)];
  return segments.map(segment => {
    // Of two slashes one is too many, as after a base URL that ends with one.
    if (segment === '') return undefined;
    const child = childFor(way.at(-1), segment);
    way = child ? wayInto(housed(child, host), way) : [];
    return child;
  });
}

/** What stands at the place of a resource for this host. */
function housed(view: ResourceView, host: string | undefined): ResourceView {
  const found = hostsIn(view)?.find(host);
  return found ? housed(found, host) : view;
}

const hostTables = new WeakMap<ResourceView, HostTable<ResourceView>>();

/** What stands in the place of a resource, by host; nothing where it stands there itself. */
export function hostsIn(view: ResourceView): HostTable<ResourceView> | undefined {
  const known = hostTables.get(view);
  if (known) return known;
  const hosts = view.children.filter(({pattern}) => pattern === view.pattern);
  if (hosts.length === 0) return undefined;
  const table = new HostTable<ResourceView>();
  for (const each of hosts) table.add('virtualHosts()', each.host!, each);
  hostTables.set(view, table);
  return table;
}

function childFor(view: ResourceView | undefined, segment: string): ResourceView | undefined {
  const children = view?.children.filter(({pattern}) => pattern !== view.pattern) ?? [];
  return (
    children.find(child => lastSegment(child) === patternSegment(segment)) ??
    children.find(child => lastSegment(child).startsWith(':'))
  );
}

/** What stands above itself is shown with its children there. */
function wayInto(child: ResourceView, way: readonly ResourceView[]): readonly ResourceView[] {
  return child.isRepeated ? way.slice(0, way.findIndex(({type}) => type === child.type) + 1) : [...way, child];
}

/** The segment by which a resource was declared: `people`, or `:name`. */
export function lastSegment({pattern}: ResourceView): string {
  return pattern.slice(pattern.lastIndexOf('/') + 1);
}

/**
 * A request's path in the words of the tree, however far the request has got: `/people/:name`. It has nothing that was captured, and
 * nothing that the tree does not know, as either may be a secret.
 */
export function declaredPath(request: Request, root: ResourceView): string {
  if (request.path === '*') return '*';
  const segments = segmentsIn(request);
  const way: string[] = [];
  for (const [at, resource] of alongPath(root, segments, request.host).entries()) {
    if (resource) way.push(lastSegment(resource));
    else if (segments[at] !== '') return `/${[...way, '...'].join('/')}`;
  }
  return `/${way.join('/')}`;
}

/** Those of a path that can't be decoded as they came. */
function segmentsIn(request: Request): readonly string[] {
  try {
    return request.segments;
  } catch {
    return request.path.split('/').slice(1);
  }
}

/** A tree as data. What methods make is there as it is declared. */
function viewOf({root}: Tree, use: Gated): ResourceView {
  const view = viewOfBranch(root, {pattern: '', host: undefined}, []);
  return {...view, middleware: [...middlewareIn(use), ...view.middleware]};
}

/** Where a resource stands. */
interface Position {
  readonly pattern: string;
  readonly host: string | undefined;
}

function viewOfBranch({node, method}: Branch, at: Position, above: readonly Node[]): ResourceView {
  const isRepeated = above.includes(node);
  return {
    pattern: at.pattern || '/',
    host: at.host,
    name: node.resource.name,
    type: node.resource,
    place: node.place?.toString(),
    isLeaf: node.leaf,
    madeBy: method?.title,
    middleware: middlewareIn(node),
    handlers: [...node.handlers].flatMap(([verb, handler]) => (handler.verb === verb ? [viewOfHandler(handler)] : [])),
    socket: node.socket && viewOfSocket(node.socket),
    children: isRepeated ? [] : childrenOf(node, at, [...above, node]),
    isRepeated,
  };
}

function childrenOf(
  {literals, capture, hosts}: Node,
  {pattern, host}: Position,
  above: readonly Node[],
): ResourceView[] {
  const inOrder = [...literals].toSorted(([one], [other]) => (one < other ? -1 : 1));
  const view = (branch: Branch, segment: string) =>
    viewOfBranch(branch, {pattern: `${pattern}/${segment}`, host}, above);
  return [
    ...inOrder.map(([segment, branch]) => view(branch, patternSegment(segment))),
    ...(capture ? [view(capture, `:${capture.capture}`)] : []),
    ...[...(hosts?.branches ?? [])].map(([name, branch]) => viewOfBranch(branch, {pattern, host: name}, above)),
  ];
}

/** A handler as data. */
export function viewOfHandler(handler: Handler): HandlerView {
  const {verb, title, place, options} = handler;
  return {verb, method: title, place: place?.toString(), options, middleware: middlewareIn(handler)};
}

function viewOfSocket(socket: SocketHandler): SocketView {
  const {title, place, options} = socket;
  return {method: title, place: place.toString(), options, middleware: middlewareIn(socket)};
}

/** Middleware as data. */
export function middlewareIn({middleware, places}: Gated): ClassView<MiddlewareClass>[] {
  return middleware.map((each, at) => {
    const type = classOf(each) as MiddlewareClass;
    return {name: type.name, type, place: places[at]?.toString()};
  });
}

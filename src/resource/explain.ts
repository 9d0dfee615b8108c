import type {HttpError} from 'http-errors';
import {decodePath, encodePath, splitTarget} from '../http/path.ts';
import {nearestTo} from '../options.ts';
import {replyAt} from './respond.ts';
import {wayOn} from './traverse.ts';
import {middlewareIn, viewOfHandler, type ClassView, type HandlerView} from './tree-view.ts';
import type {Branch, Gated, Node, Tree} from './tree.ts';

/** One middleware on the way: its class, and where it was put there, if that is known. */
type Passed = Pick<ClassView<unknown>, 'name' | 'place'>;

/** One step of a walk: to the root, or to a child. */
export interface Step {
  /** What was taken of the path, decoded; nothing for the root. */
  readonly segment: string | undefined;
  /** As what it was taken: `"people"`, or `:name`; where hosts stand in one place, the host that was asked for. */
  readonly by: string | undefined;
  /** The capture that would have taken the segment, had not a literal. */
  readonly over: string | undefined;
  /** The class that it leads to, and where that was declared. */
  readonly resource: string;
  readonly place: string | undefined;
  /** The method that makes the child, which may give nothing. Explaining does not call it. */
  readonly madeBy: string | undefined;
  /** What stands before this resource, the first one asked first. */
  readonly middleware: readonly Passed[];
}

/** How a request is answered, if all middleware lets it pass and all methods on the way give a child. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  /** The method that answers. */
  readonly handler?: HandlerView;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why a request is answered as it is. */
export interface Explanation {
  readonly method: string;
  readonly path: string;
  /** What stands before the root. */
  readonly use: readonly Passed[];
  readonly steps: readonly Step[];
  /** What is left of the path for a leaf. */
  readonly postpath: readonly string[];
  readonly answer: Answer;
}

/** A site, as far as a walk needs it. */
export interface Walkable {
  readonly tree: Tree;
  readonly use: Gated;
}

/**
 * How a site would answer a request, without asking any of it: no method is called, no middleware either, and nothing is made. What
 * a method with `@Child` would make is taken for an instance of the class that it declares.
 */
export function explain({tree, use}: Walkable, method: string, target: string): Explanation {
  const {host, path, query} = splitTarget(target);
  const before = {method, path, use: passedIn(use)};
  if (path === '*') return {...before, steps: [], postpath: [], answer: answerAt(undefined, method)};
  const steps = [stepTo(tree.root, undefined, undefined)];
  let segments: readonly string[];
  try {
    segments = decodePath(path);
  } catch (error) {
    const {status, message: reason} = error as HttpError;
    return {...before, steps, postpath: [], answer: {status, reason}};
  }
  const end = walk(tree.root.node, {segments, host}, steps);
  const answer = end.node.hosts
    ? elsewhere(end.node, host)
    : end.isLost
      ? lostAt(end.node, segments, end.depth)
      : answerAt(end, method);
  const location = answer.status === 308 && encodePath(segments.slice(0, -1)) + (query && `?${query}`);
  return {
    ...before,
    steps,
    postpath: end.node.leaf ? segments.slice(end.depth) : [],
    answer: location === false ? answer : {...answer, headers: {Location: location}},
  };
}

/** Where a walk ended. */
interface End {
  readonly node: Node;
  readonly depth: number;
  readonly hasExcessSlash: boolean;
  /** Whether nothing takes the next segment. */
  readonly isLost: boolean;
}

/** What a walk goes by. */
interface Target {
  readonly segments: readonly string[];
  readonly host: string | undefined;
}

/** As `Traversal` has it, by the declared classes. */
function walk(root: Node, {segments, host}: Target, steps: Step[]): End {
  let node = root;
  let depth = 0;
  while (node.hosts || (depth < segments.length && !node.leaf)) {
    const way = node.hosts ? node.hosts.table.find(host) : wayOn(node, segments, depth);
    if (!way || way === 'slash') return {node, depth, hasExcessSlash: way === 'slash', isLost: !way};
    steps.push(
      node.hosts ? {...stepTo(way, undefined, undefined), by: `the host ${host}`} : stepTo(way, segments[depth], node),
    );
    node = way.node;
    depth += way.length;
  }
  return {node, depth, hasExcessSlash: false, isLost: false};
}

/** No host of these is the one that is asked for. */
function elsewhere({resource, hosts}: Node, host: string | undefined): Answer {
  const asked = host === undefined ? 'No host is named: give the whole URL.' : `There is no host ${host}.`;
  const names = [...hosts!.branches.keys()].map(name => JSON.stringify(name));
  return {status: 421, reason: `${asked} ${resource.name} has ${listed(names)}.`};
}

function stepTo({node, method, capture}: Branch, segment: string | undefined, parent: Node | undefined): Step {
  const isLiteral = segment !== undefined && capture === undefined;
  return {
    segment,
    by: segment === undefined ? undefined : isLiteral ? JSON.stringify(segment) : `:${capture}`,
    over: isLiteral && segment !== '' && parent?.capture ? `:${parent.capture.capture}` : undefined,
    resource: node.resource.name,
    place: node.place?.toString(),
    madeBy: method?.title,
    middleware: passedIn(node),
  };
}

function passedIn(gated: Gated): Passed[] {
  return middlewareIn(gated).map(({name, place}) => ({name, place}));
}

function lostAt({resource, literals, capture}: Node, segments: readonly string[], at: number): Answer {
  const segment = segments[at]!;
  if (segment === '') return {status: 404, reason: 'A path has an empty segment at its end only.'};
  const nearest = nearestTo(segment, [...literals.keys()]);
  const known = [...literals.keys()].map(literal => JSON.stringify(literal));
  const all = capture ? [...known, `:${capture.capture}`] : known;
  const has = all.length === 0 ? 'no children' : `no child for it. It has ${listed(all)}`;
  const wayOut = nearest === undefined ? '' : ` Did you mean ${JSON.stringify(nearest)}?`;
  return {status: 404, reason: `Nothing takes ${JSON.stringify(segment)}: ${resource.name} has ${has}.${wayOut}`};
}

/** The most names that are told of many. */
const toldLimit = 12;

function listed(names: readonly string[]): string {
  const rest = names.length - toldLimit;
  return names.slice(0, toldLimit).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** What the end of a walk answers; without one, what the server as a whole does. */
function answerAt(end: End | undefined, method: string): Answer {
  const reply = end ? replyAt(end.node, end.hasExcessSlash, method) : method === 'OPTIONS' ? 'allow' : 'refusal';
  const name = end?.node.resource.name ?? 'The server as a whole';
  const Allow = end?.node.allow ?? 'OPTIONS';
  if (typeof reply === 'object') return handled(reply, viewOfHandler(reply), method);
  const noChild = `${name} has no child "" for the slash at the end`;
  const answers: Record<typeof reply, Answer> = {
    slash: {status: 308, reason: `${noChild}, but answers ${method} without it.`},
    nothing: {status: 404, reason: `${noChild}, and no redirect is made for ${method}.`},
    allow: {status: 200, reason: 'OPTIONS is answered by what is allowed.', headers: {Allow}},
    upgrade: {status: 426, reason: `${name} takes WebSockets, and no ${method}.`, headers: {Upgrade: 'websocket'}},
    refusal: {status: 405, reason: `${name} answers ${Allow}, not ${method}.`, headers: {Allow}},
  };
  return answers[reply];
}

function handled(
  {verb, options}: {verb: string; options: HandlerView['options']},
  handler: HandlerView,
  method: string,
) {
  const isAsGet = method === 'HEAD' && verb === 'GET';
  const asGet = isAsGet ? ', as the one for GET, and its body is left out' : '';
  return {status: options.status ?? 200, reason: `${handler.method} answers${asGet}.`, handler};
}

/** An explanation as rows: what was taken of the path, what it led to, how, and where that stands in the source. */
export function rowsOf({use, steps, answer: {handler}}: Explanation): string[][] {
  const called = handler && ['', handler.method, handler.verb, handler.place ?? ''];
  return [
    ...use.map(throughOf),
    ...steps.flatMap(step => [rowOf(step), ...step.middleware.map(throughOf)]),
    ...(handler ? handler.middleware.map(throughOf) : []),
    ...(called ? [called] : []),
  ];
}

function rowOf({segment, by, over, resource, place, madeBy}: Step): string[] {
  const way = `by ${by}${over === undefined ? '' : `, which comes before ${over}`}`;
  const how = [by === undefined ? 'the root' : way, ...(madeBy === undefined ? [] : [`made by ${madeBy}`])];
  return [segment === undefined ? '/' : JSON.stringify(segment), resource, how.join(', '), place ?? ''];
}

function throughOf({name, place}: Passed): string[] {
  return ['', `through ${name || 'a class without a name'}`, '', place ?? ''];
}

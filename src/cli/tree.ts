import type {ClassView, HandlerView, ResourceView} from '../resource/tree-view.ts';
import {inspect} from './inspect.ts';
import {aligned, counted, paint, print, printJson} from './output.ts';

/** Show the tree of a program. */
export async function tree(file: string, {json}: {readonly json?: true}): Promise<void> {
  const {view} = await inspect(file);
  if (json) return printJson(plain(view.root));
  const rows = rowsOf(view.root, '', '');
  print(aligned([headings, ...rows], [paintTree, undefined, 'green', 'yellow', 'dim']).join('\n'));
  print(`\n${countsOf(view.root)}`);
}

/** How much there is in a tree. */
export function countsOf(root: ResourceView): string {
  const all = resourcesOf(root);
  const sockets = all.filter(each => each.socket).length;
  const handlers = counted(all.flatMap(each => each.handlers).length, 'handler');
  return `${counted(all.length, 'resource')}, ${handlers}${sockets > 0 ? `, ${counted(sockets, 'socket')}` : ''}`;
}

const headings = ['path', 'class', 'verbs', 'middleware', 'source'];

function rowsOf(resource: ResourceView, lead: string, below: string, above?: ResourceView): string[][] {
  const {children} = resource;
  const rows = children.flatMap((child, at) => {
    const isLast = at === children.length - 1;
    return rowsOf(child, `${below}${isLast ? '└─ ' : '├─ '}`, `${below}${isLast ? '   ' : '│  '}`, resource);
  });
  return [
    [lead + nameOf(resource, above), classOf(resource), verbsOf(resource), gatesOf(resource), placeOf(resource)],
    ...rows,
  ];
}

/** The last segment of a pattern; the whole for the root, and the host where several stand in one place. */
function nameOf({pattern, host, isLeaf}: ResourceView, above?: ResourceView): string {
  const isHost = above?.pattern === pattern;
  const name = isHost ? `${host}` : pattern === '/' ? '/' : pattern.slice(pattern.lastIndexOf('/') + 1) || '""';
  return isLeaf ? `${name}/*`.replace('//', '/') : name;
}

function classOf({name, madeBy, isRepeated}: ResourceView): string {
  return `${name}${madeBy === undefined ? '' : ` by ${madeBy}`}${isRepeated ? ' again' : ''}`;
}

function verbsOf({handlers, socket}: ResourceView): string {
  const verbs = handlers.map(
    handler => `${handler.verb}${inputOf(handler).length > 0 ? `(${inputOf(handler).join(', ')})` : ''}`,
  );
  return [...verbs, ...(socket ? ['SOCKET'] : [])].join(' ');
}

/** The parts of its input that a handler declares. */
export function inputOf({options}: HandlerView): string[] {
  return (['params', 'query', 'headers', 'body'] as const).filter(part => options[part]);
}

function gatesOf({middleware, handlers, socket}: ResourceView): string {
  const own = [...handlers, ...(socket ? [{verb: 'SOCKET', ...socket}] : [])]
    .filter(handler => handler.middleware.length > 0)
    .map(handler => `${handler.verb}: ${namesOf(handler.middleware).join(', ')}`);
  return [namesOf(middleware).join(', '), ...own].filter(text => text !== '').join('; ');
}

function namesOf(classes: readonly {readonly name: string}[]): string[] {
  return classes.map(({name}) => name || 'a class without a name');
}

function placeOf({place}: ResourceView): string {
  return place ?? '';
}

/** The drawing steps back, the names stand out. */
function paintTree(cell: string): string {
  const [, drawing = '', name = ''] = /^([ │├└─]*)(.*)$/.exec(cell) ?? [];
  return paint('dim', drawing) + paint(name.startsWith(':') ? 'magenta' : 'cyan', name);
}

function resourcesOf(resource: ResourceView): ResourceView[] {
  return [resource, ...resource.children.flatMap(resourcesOf)];
}

/** A resource without what JSON has no words for: classes have their names, schemas the parts that they are of. */
function plain({type: _type, middleware, handlers, socket, children, ...rest}: ResourceView): object {
  return {
    ...rest,
    ...(socket && {socket: {...socket, middleware: socket.middleware.map(plainMiddleware)}}),
    middleware: middleware.map(plainMiddleware),
    handlers: handlers.map(plainHandler),
    children: children.map(plain),
  };
}

/** A handler without what JSON has no words for. */
export function plainHandler(handler: HandlerView): object {
  const {verb, method, place, options, middleware} = handler;
  const {status, result} = options;
  return {
    verb,
    method,
    place,
    input: inputOf(handler),
    status,
    hasResult: result !== undefined,
    middleware: middleware.map(plainMiddleware),
  };
}

function plainMiddleware({name, place}: ClassView<unknown>): object {
  return {name, place};
}

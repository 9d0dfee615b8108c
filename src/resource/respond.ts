import createError from 'http-errors';
import {proceed, type Awaitable} from '../awaitable.ts';
import type {Conversation} from '../http/conversation.ts';
import {isSafe} from '../http/method.ts';
import {encodePath} from '../http/path.ts';
import type {Problem} from '../http/problem.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {refuseWrongHandshake, type SocketOptions} from '../http/web-sockets.ts';
import {open, pass, Passage, titleOf, type Oversight} from './gate.ts';
import type {Middleware} from './middleware.ts';
import {render} from './render.ts';
import {checkedResult} from './result.ts';
import {nothingHere, Traversal, type Found} from './traverse.ts';
import type {Handler, Node, SocketHandler, Tree} from './tree.ts';

type Handle = (...given: unknown[]) => Awaitable<unknown>;

/** How a site answers. */
export interface Manner extends Oversight {
  readonly tree: Tree;
  /** What stands before the root. */
  readonly use: readonly Middleware[];
  /** Throws what is to be answered to a request that the site does not take. */
  readonly admit: (request: Request) => void;
  /** Told of what works, but not as it was probably meant. */
  readonly warn: (message: string) => void;
  readonly sockets: SocketManner;
}

/** How a site takes WebSockets. */
export interface SocketManner {
  /** Throws what is to be answered to the page of another origin, unless that is one of these. */
  readonly refuseForeign: (request: Request, origins: NonNullable<SocketOptions['origins']>) => void;
  /** Have it known whose request it is: after the 101 it is too late. Throws, or rejects with, what is to be answered then. */
  readonly identify: (request: Request) => Awaitable<unknown>;
  /** Told of what fails after the 101; gives what the client may know of it. */
  readonly onFailure: (error: unknown, request: Request) => Problem;
}

/** Fills in the responses of a site: walks the tree, calls the handler, renders what it returned. */
export class Responder {
  readonly #manner: Manner;
  readonly #traversal: Traversal;
  readonly #warnedOf = new WeakSet<Handler | Middleware>();

  constructor(manner: Manner) {
    this.#manner = manner;
    this.#traversal = new Traversal(manner.tree, (found, passage) => this.#arrive(found, passage));
  }

  /** Fill in the response to a request. Throws, or rejects with, what is to be answered as an error. */
  respond(request: Request, response: Response): Awaitable<void> {
    const {use} = this.#manner;
    const passage = new Passage(request, response, this.#manner);
    const result = use === open ? this.#enter(passage) : pass(use, passage, () => this.#enter(passage));
    return proceed(result, value => {
      if (value === undefined) this.#warnOfNothing(passage);
      return render(value, request, response);
    });
  }

  /** Nothing at all is seldom the answer to GET. Who means it sets the status. */
  #warnOfNothing({asked: {handler, settings, middleware}, request, response}: Passage): void {
    if (middleware && request.method === 'GET' && this.#isNew(middleware)) {
      const wayOut = 'Return what next() gives, or an answer. Where there is none, set response.status = 204.';
      this.#manner.warn(`${titleOf(middleware)} returned nothing to GET, and did not call next(). ${wayOut}`);
    }
    if (handler?.verb !== 'GET' || handler.options.status !== undefined) return;
    if (response.settings !== settings || !this.#isNew(handler)) return;
    const wayOut = 'Return what is to be answered. Where nothing is, set response.status = 204.';
    this.#manner.warn(`${handler.title} returned nothing to GET, and set no status and no header. ${wayOut}`);
  }

  /** Whether it was not warned of before. */
  #isNew(silent: Handler | Middleware): boolean {
    if (this.#warnedOf.has(silent)) return false;
    this.#warnedOf.add(silent);
    return true;
  }

  #enter(passage: Passage): Awaitable<unknown> {
    const {request, response} = passage;
    this.#manner.admit(request);
    // `OPTIONS *` asks about the server as a whole (RFC 9110, section 9.3.7).
    return request.path === '*' ? answerUnhandled('OPTIONS', request, response) : this.#traversal.go(passage);
  }

  #arrive(found: Found, passage: Passage): Awaitable<unknown> {
    const {socket, socketOrigins} = found.node;
    const {request} = passage;
    if (!socketOrigins || found.hasExcessSlash || !request.asksForWebSocket) return arrive(found, passage);
    this.#manner.sockets.refuseForeign(request, socketOrigins);
    if (!socket) return arrive(found, passage);
    return pass(socket.middleware, passage, () => this.#open(found.instance, socket, passage));
  }

  /** What the connection goes over to, where that is what is answered in the end. */
  #open(instance: object, handler: SocketHandler, {request, response}: Passage): Awaitable<Conversation> {
    const {identify, onFailure} = this.#manner.sockets;
    response.giver = handler.title;
    refuseWrongHandshake(request.headers);
    const handle = (socket: unknown) => (instance as Record<PropertyKey, Handle>)[handler.name]!(socket, request);
    return proceed(identify(request), () =>
      handler.sockets.converse({handle, onFailure: error => onFailure(error, request)}),
    );
  }
}

function arrive({node, instance, hasExcessSlash}: Found, passage: Passage): Awaitable<unknown> {
  const {request, response} = passage;
  const handler = replyAt(node, hasExcessSlash, request.method);
  if (handler === 'slash') return redirectWithoutSlash(request, response);
  if (handler === 'nothing') throw nothingHere();
  if (handler === 'upgrade') throw upgradeRequired();
  if (node.acceptQuery !== undefined && (typeof handler !== 'object' || handler.verb === 'QUERY')) {
    response.setHeader('Accept-Query', node.acceptQuery);
  }
  if (typeof handler !== 'object') return answerUnhandled(node.allow, request, response);
  if (handler.middleware === open) return call(instance, handler, passage);
  return pass(handler.middleware, passage, () => call(instance, handler, passage));
}

/**
 * What answers a method at a resource: its handler; the redirect to the path without its slash; nothing, since it is not there; what
 * is allowed, for OPTIONS; that it wants a WebSocket; or the refusal of the method.
 */
export function replyAt(
  node: Node,
  hasExcessSlash: boolean,
  method: string,
): Handler | 'slash' | 'nothing' | 'allow' | 'upgrade' | 'refusal' {
  const handler = node.handlers.get(method) ?? node.handlers.get('*');
  if (hasExcessSlash) return handler && isSafe(method) ? 'slash' : 'nothing';
  if (handler) return handler;
  if (method === 'OPTIONS') return 'allow';
  return node.socket && (method === 'GET' || method === 'HEAD') ? 'upgrade' : 'refusal';
}

function call(instance: object, handler: Handler, passage: Passage): Awaitable<unknown> {
  const {request, response} = passage;
  response.giver = handler.title;
  if (handler.verb === 'QUERY') refuseUntyped(request, response);
  const methods = instance as Record<PropertyKey, Handle>;
  if (!handler.read) {
    begin(handler, passage);
    return checked(methods[handler.name]!(request, response), handler, passage);
  }
  return proceed(handler.read(request), input => {
    begin(handler, passage);
    return checked(methods[handler.name]!(input, request, response), handler, passage);
  });
}

function begin(handler: Handler, passage: Passage): void {
  const {response} = passage;
  const {status} = handler.options;
  if (status !== undefined) response.status = status;
  passage.asked.handler = handler;
  passage.asked.settings = response.settings;
}

/** What a handler returned, held against the schema of its result where that is to be done. */
function checked(result: Awaitable<unknown>, handler: Handler, passage: Passage): Awaitable<unknown> {
  const schema = handler.options.result;
  if (!schema || !passage.oversight.checksResults) return result;
  return proceed(result, value => {
    const isElsewhere = value === undefined && passage.response.settings !== passage.asked.settings;
    return isElsewhere ? value : checkedResult(value, schema, handler.title);
  });
}

/** RFC 10008, section 2: what a query says depends on its type. */
function refuseUntyped(request: Request, response: Response): void {
  if (request.headers['content-type'] !== undefined) return;
  const headers = {Accept: response.header('Accept-Query')!};
  throw createError(415, 'A QUERY has to say by Content-Type what its body is.', {headers});
}

function answerUnhandled(allow: string, request: Request, response: Response): void {
  if (request.method !== 'OPTIONS') {
    throw createError(405, `This answers ${allow}, not ${request.method}.`, {headers: {Allow: allow}});
  }
  // RFC 9110, section 9.3.7: an answer to OPTIONS without content says so by its length, so it is no 204.
  response.status = 200;
  response.setHeader('Allow', allow);
}

/** RFC 9110, section 15.5.22. */
function upgradeRequired(): Error {
  return createError(426, 'There is a WebSocket here, and nothing else.', {headers: {Upgrade: 'websocket'}});
}

function redirectWithoutSlash(request: Request, response: Response): void {
  // Encoded anew: a backslash in a captured segment would send a browser to another host.
  const path = encodePath(request.segments.slice(0, -1));
  response.redirect(request.mountPath + path + request.search, 308);
}

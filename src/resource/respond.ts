import createError from 'http-errors';
import {proceed, type Awaitable} from '../awaitable.ts';
import {encodePath} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {open, pass, type Passage} from './gate.ts';
import type {Middleware} from './middleware.ts';
import {render} from './render.ts';
import {nothingHere, Traversal, type Found} from './traverse.ts';
import type {Handler, Node, Tree} from './tree.ts';

type Handle = (request: Request, response: Response) => unknown;

/** How a site answers. */
export interface Manner {
  readonly tree: Tree;
  /** What stands before the root. */
  readonly use: readonly Middleware[];
  /** Throws what is to be answered to a request that the site does not take. */
  readonly admit: (request: Request) => void;
  /** Told of what fails when the request has been answered otherwise. */
  readonly onLate: (error: unknown) => void;
}

/** Fills in the responses of a site: walks the tree, calls the handler, renders what it returned. */
export class Responder {
  readonly #manner: Manner;
  readonly #traversal: Traversal;

  constructor(manner: Manner) {
    this.#manner = manner;
    this.#traversal = new Traversal(manner.tree, arrive);
  }

  /** Fill in the response to a request. Throws, or rejects with, what is to be answered as an error. */
  respond(request: Request, response: Response): Awaitable<void> {
    const {use, onLate} = this.#manner;
    const passage = {request, response, onLate, depth: 0};
    const result = use === open ? this.#enter(passage) : pass(use, passage, () => this.#enter(passage));
    return proceed(result, value => render(value, response));
  }

  #enter(passage: Passage): Awaitable<unknown> {
    const {request, response} = passage;
    this.#manner.admit(request);
    // `OPTIONS *` asks about the server as a whole (RFC 9110, section 9.3.7).
    return request.path === '*' ? answerUnhandled('OPTIONS', request, response) : this.#traversal.go(passage);
  }
}

function arrive({node, instance, hasExcessSlash}: Found, passage: Passage): Awaitable<unknown> {
  const {request, response} = passage;
  if (hasExcessSlash) return redirectWithoutSlash(node, request, response);
  const handler = node.handlers.get(request.method);
  if (!handler) return answerUnhandled(node.allow, request, response);
  if (handler.middleware === open) return call(instance, handler, passage);
  return pass(handler.middleware, passage, () => call(instance, handler, passage));
}

function call(instance: object, {name, title}: Handler, {request, response}: Passage): unknown {
  response.giver = title;
  return (instance as Record<PropertyKey, Handle>)[name]!(request, response);
}

function answerUnhandled(allow: string, request: Request, response: Response): void {
  if (request.method !== 'OPTIONS') {
    throw createError(405, `This answers ${allow}, not ${request.method}.`, {headers: {Allow: allow}});
  }
  // RFC 9110, section 9.3.7: an answer to OPTIONS without content says so by its length, so it is no 204.
  response.status = 200;
  response.setHeader('Allow', allow);
}

function redirectWithoutSlash(node: Node, request: Request, response: Response): void {
  const isSafe = request.method === 'GET' || request.method === 'HEAD';
  if (!isSafe || !node.handlers.has(request.method)) throw nothingHere();
  // Encoded anew: a backslash in a captured segment would send a browser to another host.
  const path = encodePath(request.segments.slice(0, -1));
  response.redirect(request.mountPath + path + request.search, 308);
}

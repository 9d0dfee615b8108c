import createError from 'http-errors';
import {proceed, type Awaitable} from '../awaitable.ts';
import {encodePath} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {render} from './render.ts';
import type {Traversal} from './traverse.ts';
import type {Node} from './tree.ts';

type Handle = (request: Request, response: Response) => unknown;

/**
 * Fill in the response to a request: walk the tree, call the handler, render what it returned. Throws, or rejects with,
 * what is to be answered as an error.
 */
export function respond(tree: Traversal, request: Request, response: Response): Awaitable<void> {
  response.isHead = request.method === 'HEAD';
  // `OPTIONS *` asks about the server as a whole (RFC 9110, section 9.3.7).
  if (request.path === '*') return respondUnhandled('OPTIONS', request, response);
  return proceed(tree.find(request), found => {
    if (!found) throw nothingHere();
    return found.hasExcessSlash
      ? redirectWithoutSlash(found.node, request, response)
      : call(found.instance, found.node, request, response);
  });
}

function call(instance: object, node: Node, request: Request, response: Response): Awaitable<void> {
  const handler = node.handlers.get(request.method);
  if (!handler) return respondUnhandled(node.allow, request, response);
  const result = (instance as Record<PropertyKey, Handle>)[handler.name]!(request, response);
  return proceed(result, value => render(value, response, handler.title));
}

function respondUnhandled(allow: string, request: Request, response: Response): void {
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

function nothingHere(): Error {
  return createError(404, 'There is nothing at this path.');
}

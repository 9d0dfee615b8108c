import {AsyncLocalStorage} from 'node:async_hooks';
import {EspalierError} from '../errors.ts';
import type {Request} from './request.ts';

const current = new AsyncLocalStorage<Request>();

/** Run `act` so that everything it calls and awaits finds this request by `currentRequest`. */
export function duringRequest<T>(request: Request, act: () => T): T {
  return current.run(request, act);
}

/** Run `act` so that nothing it calls finds a request. */
export function outsideRequest<T>(act: () => T): T {
  return current.exit(act);
}

/** The request being answered, or nothing where there is none. One whose answer is complete is being answered no more. */
export function requestHere(): Request | undefined {
  const request = current.getStore();
  return request?.isOver === false ? request : undefined;
}

/** The request being answered. Throws `OUTSIDE_REQUEST` where there is none. */
export function currentRequest(): Request {
  const request = requestHere();
  if (request) return request;
  throw new EspalierError(
    'OUTSIDE_REQUEST',
    current.getStore() ? answered : 'No request is being answered here. ' + wayOut,
  );
}

const wayOut = 'Call this while a handler runs, or pass the request: getSession(request).';
const answered =
  'The request that this belongs to has been answered. Work that outlives its request, and a callback that runs where another request has begun, find none by themselves: pass the request that is meant, as in getSession(request).';

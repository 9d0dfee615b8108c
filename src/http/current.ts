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

/** The request being answered, or nothing where there is none. */
export function requestHere(): Request | undefined {
  return current.getStore();
}

/** The request being answered. Throws `OUTSIDE_REQUEST` where there is none. */
export function currentRequest(): Request {
  const request = current.getStore();
  if (request) return request;
  throw new EspalierError(
    'OUTSIDE_REQUEST',
    'No request is being answered here. Call this while a handler runs, or pass the request.',
  );
}

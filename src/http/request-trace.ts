import {requests} from '../tracing.ts';
import type {Request} from './request.ts';
import {requestKey} from './request-key.ts';

/** What is told of a request. What comes later is there in later messages of the same request, which are the same object. */
export interface RequestTrace {
  readonly request: Request;
  /** The class of the resource that was found. */
  resource?: string;
  /** The method that answered, or the middleware: `People.list()`. */
  method?: string;
  /** The status of the answer. */
  status?: number;
  /** How many bytes of its body were handed to the connection. */
  bytes?: number;
  /** Whether it went out whole. */
  isWhole?: boolean;
  /** What has failed, if it was unexpected. */
  error?: unknown;
}

const key = requestKey<RequestTrace>('trace');

/** Have a request answered, and tell of it where somebody listens: when it begins, and when its answer has ended. */
export function traceRequest(request: Request, answer: () => void): void {
  if (!requests.hasSubscribers) return answer();
  const trace: RequestTrace = {request};
  request.set(key, trace);
  request.afterAnswer(({status, giver}, end) => {
    Object.assign(trace, {
      status,
      ...end,
      ...(request.resource !== undefined && {resource: request.resource, method: giver}),
    });
    requests.asyncStart.publish(trace);
    requests.asyncEnd.publish(trace);
  });
  requests.start.runStores(trace, answer);
  requests.end.publish(trace);
}

/** Tell of what has failed in answering a request. */
export function traceFailure(request: Request, error: unknown): void {
  const trace = request.get(key);
  if (!trace) return;
  trace.error = error;
  requests.error.publish(trace);
}

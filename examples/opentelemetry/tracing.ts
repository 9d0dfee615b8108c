import {AsyncLocalStorage} from 'node:async_hooks';
import {tracingChannel} from 'node:diagnostics_channel';
import {
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  context,
  propagation,
  trace,
  type Context,
  type ContextManager,
  type Span,
} from '@opentelemetry/api';
import type {EndTrace, RequestTrace, StoreTrace} from 'espalier';

/** Keeps the active span where Node's channels can put it. */
class Contexts implements ContextManager {
  readonly storage = new AsyncLocalStorage<Context>();
  active() {
    return this.storage.getStore() ?? ROOT_CONTEXT;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    to: Context,
    act: F,
    self?: ThisParameterType<F>,
    ...args: A
  ) {
    return this.storage.run(to, () => act.apply(self, args));
  }
  bind<T>(to: Context, target: T): T {
    if (typeof target !== 'function') return target;
    return ((...args: unknown[]) => this.storage.run(to, () => target(...args))) as T;
  }
  enable() {
    return this;
  }
  disable() {
    return this;
  }
}

/** Make spans of requests, calls of the session store, and ends of sessions told. Call it once, before the site is built. */
export function traceSites(): void {
  const tracer = trace.getTracer('espalier');
  const contexts = new Contexts();
  context.setGlobalContextManager(contexts);
  const spans = new WeakMap<object, Span>();

  const fail = (message: object) => {
    const span = spans.get(message);
    span?.recordException((message as {error: Error}).error);
    span?.setStatus({code: SpanStatusCode.ERROR});
  };

  const requests = tracingChannel('espalier:request');
  // What a handler does has the request's span as its parent.
  requests.start.bindStore(contexts.storage, message => {
    const {request} = message as RequestTrace;
    const parent = propagation.extract(ROOT_CONTEXT, request.headers);
    const attributes = {
      'http.request.method': request.method,
      'url.path': request.path,
      'url.scheme': request.secure ? 'https' : 'http',
      'client.address': request.ip,
      'user_agent.original': request.headers['user-agent'],
    };
    const span = tracer.startSpan(request.method, {kind: SpanKind.SERVER, attributes}, parent);
    spans.set(message, span);
    return trace.setSpan(parent, span);
  });
  requests.subscribe({
    ...nothing,
    asyncEnd(message) {
      const span = spans.get(message);
      const {status = 500, request} = message as RequestTrace;
      span?.setAttribute('http.response.status_code', status);
      if (request.pattern !== undefined) {
        span?.setAttribute('http.route', request.pattern);
        span?.updateName(`${request.method} ${request.pattern}`);
      }
      if (status >= 500) span?.setAttribute('error.type', String(status)).setStatus({code: SpanStatusCode.ERROR});
      span?.end();
    },
    error: fail,
  });

  const inside = (channel: string, nameOf: (message: object) => string) =>
    tracingChannel(channel).subscribe({
      ...nothing,
      start: message => void spans.set(message, tracer.startSpan(nameOf(message))),
      asyncEnd: message => spans.get(message)?.end(),
      error: fail,
    });
  inside('espalier:store', message => `session store ${(message as StoreTrace).call}`);
  inside('espalier:end', message => `session end ${(message as EndTrace).method}`);
}

const ignore = () => undefined;
const nothing = {start: ignore, end: ignore, asyncStart: ignore, asyncEnd: ignore, error: ignore};

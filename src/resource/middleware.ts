import {decorating, nothing, onClassOrMethod, refuseBareCall} from '../decorator.ts';
import {describe, EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {Place} from '../place.ts';
import {declarationsIn, type Verb} from './declarations.ts';

/**
 * Goes on to what stands behind a middleware: the next one, in the end the handler. Gives what that returned, before it is made
 * into a body. Rejects with what it threw, and with `NEXT_TWICE` when it is called again.
 */
export type Next = () => Promise<unknown>;

/**
 * Stands on the way to a handler: a guard, a limit, a log, a page for errors. The container makes it once, when the site is built.
 */
export interface Middleware {
  /**
   * Called with each request that comes by. What it returns, or promises, is answered in place of what the handler returned; where
   * it returns nothing, what `next()` gave is. Without a call of `next()` nothing behind it is asked, looked up or made.
   */
  handle(request: Request, response: Response, next: Next): unknown;
}

/** How a client shows who it is, as OpenAPI has it: `{type: 'http', scheme: 'bearer'}`. */
export interface SecurityScheme {
  readonly type: 'apiKey' | 'http' | 'mutualTLS' | 'oauth2' | 'openIdConnect';
  readonly [member: string]: unknown;
}

/** What a middleware may answer in place of what is behind it, for documents of OpenAPI. */
export interface MiddlewareAnswer {
  readonly status: number;
  /** What its headers say, by name. Default: nothing is told of them. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The verbs that it is an answer to. Default: all. */
  readonly verbs?: readonly Verb[];
}

/** The class of a middleware. */
export interface MiddlewareClass {
  // Any arguments: they are the container's business.
  new (...args: any[]): Middleware;
  /** Whether it lets every OPTIONS request go on, so that `cors()` may stand below it. Default: no; a site warns of that. */
  readonly passesPreflights?: boolean;
  /**
   * By what it lets visitors in, for documents of OpenAPI: schemes by name, of which one is enough. `'session'` is the session's
   * cookie. It changes nothing in what the middleware does. Default: nothing.
   */
  readonly security?: Readonly<Record<string, SecurityScheme | 'session'>>;
  /** What it may answer by itself, for documents of OpenAPI. It changes nothing in what the middleware does. Default: nothing. */
  readonly answers?: readonly MiddlewareAnswer[];
}

/** `@Use` on a class, or on a method that answers a verb. */
interface UseDecorator {
  (target: Function, context?: ClassDecoratorContext): void;
  (method: (...args: never) => unknown, context: ClassMethodDecoratorContext): void;
  (target: object, name: PropertyKey, descriptor: PropertyDescriptor): void;
}

/**
 * Puts middleware on the way. On a resource it covers the resource and all below it, what is not found there too: it comes before
 * a child is looked up or made. On a method that answers a verb it stands around that method alone. The first one written is the
 * first one asked; those of a base class come before those of the class that extends it.
 *
 * Throws `MIDDLEWARE_INVALID` for what is no class with a method `handle`.
 */
export function Use(...middleware: readonly MiddlewareClass[]): UseDecorator {
  const isRight = decorating('@Use', () => {
    if (middleware.length > 1) refuseBareCall('@Use(TheMiddleware)', middleware);
    for (const each of middleware) checkMiddleware('@Use()', each);
  });
  if (!isRight) return nothing;
  const place = new Place();
  return (target: Function | object, context?: unknown) =>
    void decorating('@Use()', () => {
      const decorated = onClassOrMethod('@Use()', target, context, place);
      const {middleware: covering, around} = declarationsIn(decorated);
      const {name} = decorated;
      const declared = middleware.map(type => ({type, place}));
      if (name === undefined) covering.unshift(...declared);
      else around.set(name, [...declared, ...(around.get(name) ?? [])]);
    });
}

/** Throws `MIDDLEWARE_INVALID` for what is no class of a middleware. */
export function checkMiddleware(call: string, given: unknown): asserts given is MiddlewareClass {
  if (typeof given === 'function' && typeof (given.prototype as Partial<Middleware> | undefined)?.handle === 'function')
    return;
  const wayOut =
    given === undefined
      ? 'If its module imports this one in a circle, move it to a module of its own.'
      : 'Give a class with a method handle(request, response, next).';
  throw new EspalierError('MIDDLEWARE_INVALID', `${call} was given ${describe(given)}. ${wayOut}`);
}

import type {StandardSchemaV1} from '@standard-schema/spec';
import {proceed, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import {Html} from '../http/html.ts';
import {Response} from '../http/response.ts';
import {pointerTo, stepsOf, verdictOf} from '../schema.ts';
import {Answer} from './answer.ts';
import type {HandlerOptions} from './input.ts';

/**
 * What a handler may return, or promise, of a type: all of it that can be sent. A string, `` html`…` ``, bytes, a stream, a
 * WHATWG `Response`, what another site answers, a list, a plain object, or nothing. What has methods is no plain object. An instance
 * of a class without any looks like one to the compiler, and is refused when it is to be sent.
 */
export type Sendable<T> = Exclude<T, Unsendable<T>>;

/** What can't be sent of a type, as far as that tells. */
export type Unsendable<T> = unknown extends T ? never : UnsendableMember<T>;

// Of a union each on its own.
type UnsendableMember<T> = T extends
  | string
  | void
  | Html
  | Uint8Array
  | AsyncIterable<unknown>
  | globalThis.Response
  | Response
  | Answer
  | readonly unknown[]
  ? never
  : T extends object
    ? T extends Callable
      ? T
      : MethodOf<T> extends never
        ? never
        : T
    : T;

type Callable = (...parameters: never[]) => unknown;

/** The names of the methods that a type surely has. */
type MethodOf<T> = {
  [K in keyof T]-?: unknown extends T[K] ? never : T[K] extends Callable ? K : never;
}[keyof T];

/** What stands in the compiler's message. */
export interface CannotBeSent<T> {
  readonly 'this handler can return what is not a string, html, a plain object, a list, bytes, a stream, a Response or nothing': Unsendable<T>;
}

/** What of a result does not fit the schema that these options have for it. */
export type Unfit<O extends HandlerOptions, R> = O extends {readonly result: infer S extends StandardSchemaV1}
  ? unknown extends R
    ? never
    : UnfitOf<StandardSchemaV1.InferInput<S>, R>
  : never;

// Nothing may be returned beside something else, as by who redirects. Nothing alone is a forgotten `return`.
type UnfitOf<Wanted, R> = Exclude<
  R,
  ReadonlyOf<Wanted> | Html | globalThis.Response | Response | Answer | ([R] extends [void] ? never : void)
>;

/** A type with lists that need not be changeable. */
type ReadonlyOf<T> = unknown extends T ? T : {readonly [K in keyof T]: ReadonlyOf<T[K]>};

/** What stands in the compiler's message. */
export interface DoesNotFit<T> {
  readonly 'this handler can return what does not fit the schema of its result': T;
}

/** Gives a result that fits its schema. Throws, or rejects with, `RESULT_MISMATCH`, which names the method and the places. */
export function checkedResult(result: unknown, schema: StandardSchemaV1, method: string): Awaitable<unknown> {
  if (isAnswer(result)) return result;
  return proceed(verdictOf(schema, result), verdict => {
    if ('failure' in verdict) throw schemaFailed(method, verdict.failure);
    if ('issues' in verdict) throw mismatch(method, verdict.issues);
    return result;
  });
}

function isAnswer(result: unknown): boolean {
  return [Html, globalThis.Response, Response, Answer].some(type => result instanceof type);
}

function schemaFailed(method: string, cause: unknown): EspalierError {
  return new EspalierError('SCHEMA_FAILED', `${method}: the schema of its result failed.`, {cause});
}

function mismatch(method: string, issues: readonly StandardSchemaV1.Issue[]): EspalierError {
  const told = issues.slice(0, 5).map(issue => `${pointerTo(stepsOf(issue)) || 'the whole'} (${issue.message})`);
  if (issues.length > told.length) told.push('and more');
  return new EspalierError(
    'RESULT_MISMATCH',
    `${method} returned what the schema of its result refuses: ${told.join(', ')}.`,
  );
}

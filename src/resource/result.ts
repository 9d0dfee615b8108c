import type {Html} from '../http/html.ts';

/**
 * What a handler may return, or promise, of a type: all of it that can be sent. A string, `` html`…` ``, bytes, a stream, a
 * WHATWG `Response`, a list, a plain object, or nothing. What has methods is no plain object. An instance of a class without any
 * looks like one to the compiler, and is refused when it is to be sent.
 */
export type Sendable<T> = Exclude<T, Unsendable<T>>;

/** What can't be sent of a type, as far as that tells. */
export type Unsendable<T> = unknown extends T ? never : UnsendableMember<T>;

// Of a union each on its own.
type UnsendableMember<T> = T extends
  string | void | Html | Uint8Array | AsyncIterable<unknown> | globalThis.Response | readonly unknown[]
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

/** By this a value of one type is kept with a request. `requestKey` makes one. */
export class RequestKey<T> {
  /** What it is called, for whoever looks at it in a debugger. */
  readonly name: string;
  /** For the compiler alone: what is put in, and comes out. */
  declare readonly type: (value: T) => T;

  /** Used by `requestKey`. */
  constructor(name: string) {
    this.name = name;
  }
}

/**
 * A key for `request.set` and `request.get`: what a middleware has found out goes on to the handler. Each call makes another key,
 * whatever its name, so that nobody meets a value of somebody else.
 */
export function requestKey<T>(name: string): RequestKey<T> {
  return new RequestKey<T>(name);
}

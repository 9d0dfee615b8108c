/** A symbol that a `T` is bound to: `use(token)` gives a `T`. */
export type ServiceToken<T> = symbol & {
  /** There for the compiler alone. */
  readonly 'bound to'?: T;
};

/** A token that is the same in each copy of the package. */
export function serviceToken<T>(name: string): ServiceToken<T> {
  return Symbol.for(`espalier.${name}`);
}

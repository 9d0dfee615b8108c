/** A value as a session gives it to be read: nothing in it can be changed, however deep. */
export type ReadOnly<T> = T extends (...parameters: never[]) => unknown
  ? T
  : T extends Date | RegExp | ArrayBufferView | ArrayBuffer
    ? T
    : T extends ReadonlyMap<infer K, infer V>
      ? ReadonlyMap<ReadOnly<K>, ReadOnly<V>>
      : T extends ReadonlySet<infer V>
        ? ReadonlySet<ReadOnly<V>>
        : T extends object
          ? {readonly [K in keyof T]: ReadOnly<T[K]>}
          : T;

/**
 * Make a value, and all that it holds, throw a TypeError when somebody tries to change it. Bytes can't be protected, and
 * regular expressions need to note where they are.
 */
export function readOnly<T>(value: T): ReadOnly<T> {
  freeze(value);
  return value as ReadOnly<T>;
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return;
  if (ArrayBuffer.isView(value) || value instanceof RegExp) return;
  const refusals = refusalsFor(value);
  if (refusals) Object.defineProperties(value, refusals);
  Object.freeze(value);
  for (const held of heldBy(value)) freeze(held);
}

function heldBy(value: object): Iterable<unknown> {
  if (value instanceof Map) return [...value.keys(), ...value.values()];
  if (value instanceof Set) return value;
  return value instanceof URL ? [value.searchParams] : Object.values(value);
}

// Freezing an object does not keep its own methods from changing what is inside. They are hidden on the object itself: with
// another prototype it would not be equal to one like it, as some assertions see it.
const frozenKinds = [Date, Map, Set, URL, URLSearchParams].map(kind => [kind, refusalsOf(kind.prototype)] as const);

function refusalsFor(value: object): PropertyDescriptorMap | undefined {
  for (const [kind, refusals] of frozenKinds) if (value instanceof kind) return refusals;
  return undefined;
}

function refusalsOf(prototype: object): PropertyDescriptorMap {
  const refusals: PropertyDescriptorMap = {};
  for (const [name, property] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (property.set) refusals[name] = {...property, set: refuse, enumerable: false};
    else if (/^(?:set|add|delete|clear|append|sort)/.test(name)) refusals[name] = {value: refuse};
  }
  return refusals;
}

function refuse(): never {
  throw new TypeError("What a session gives to be read can't be changed. Change it in session.update().");
}

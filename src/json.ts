/** Whether JSON gives this value back just as it is, and nothing is in it: it is a text, a number, true, false or null. */
export function isJsonScalar(value: unknown): boolean {
  if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0);
  return typeof value === 'string' || typeof value === 'boolean' || value === null;
}

/**
 * The most levels of a nest in a component. Whoever writes and reads one calls themselves for each level, and how often the
 * stack lets them depends on the process: one must not store what another can't read.
 */
export const nestLimit = 500;

/**
 * Whether JSON gives this value back just as it is: nothing in it is a date, undefined, not a finite number, or there twice,
 * down to the last level that a nest may have. False for some values that it would.
 */
export function isJson(value: unknown, seen = new Set<object>(), level = 1): boolean {
  return isJsonScalar(value) || (typeof value === 'object' && isJsonObject(value!, seen, level));
}

function isJsonObject(value: object, seen: Set<object>, level: number): boolean {
  // Of one that is there twice JSON would make two, and a circle has no end.
  if (seen.has(value) || level > nestLimit) return false;
  seen.add(value);
  const prototype = Object.getPrototypeOf(value) as unknown;
  // A hole reads as undefined.
  if (prototype === Array.prototype) {
    for (const item of value as unknown[]) if (!isJson(item, seen, level + 1)) return false;
    return Object.keys(value).length === (value as unknown[]).length;
  }
  if (prototype !== Object.prototype || Object.getOwnPropertySymbols(value).length > 0) return false;
  for (const name of Object.keys(value)) {
    if (name === '__proto__' || !isJson((value as Record<string, unknown>)[name], seen, level + 1)) return false;
  }
  return true;
}

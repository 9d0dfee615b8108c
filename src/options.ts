import {describe, EspalierError} from './errors.ts';

/** The error for options that can't be meant so. */
export function optionInvalid(message: string): EspalierError {
  return new EspalierError('OPTION_INVALID', message);
}

/** What the value of an option may be. */
export interface Kind {
  /** In words that follow "It must be". */
  readonly wanted: string;
  readonly fits: (value: unknown) => boolean;
  readonly isRequired?: boolean;
  /** Whether messages keep the value to themselves. */
  readonly isSecret?: boolean;
  /** The options that the value is made of. */
  readonly parts?: Table;
}

type Table = Readonly<Record<string, Kind>>;

/** The options of a call, each with its kind. The compiler sees to it that none is left out, and none is too many. */
export type Kinds<T extends object> = {readonly [Name in keyof T]-?: Kind};

/** `wanted` follows "It must be". */
export function kind(wanted: string, fits: (value: unknown) => boolean): Kind {
  return {wanted, fits};
}

/** One that has to be given. */
export function required(one: Kind): Kind {
  return {...one, isRequired: true};
}

/** One whose value no message tells, as a URL may hold a password. */
export function secret(one: Kind): Kind {
  return {...one, isSecret: true};
}

/** An object of options. */
export function optionsOf<T extends object>(parts: Kinds<T>): Kind {
  return {...object, parts};
}

/** The same, or `false` for none of it. */
export function orFalse(one: Kind): Kind {
  return {...one, wanted: `false, or ${one.wanted}`, fits: value => value === false || one.fits(value)};
}

/** One of some texts. */
export function oneOf(...texts: readonly string[]): Kind {
  return kind(texts.map(text => JSON.stringify(text)).join(' or '), value => texts.includes(value as string));
}

/** An object with methods by these names. By them, not by its class, of which there may be two copies. */
export function objectWith(wanted: string, ...methods: readonly string[]): Kind {
  return kind(
    wanted,
    value => object.fits(value) && methods.every(name => method.fits((value as Record<string, unknown>)[name])),
  );
}

const isNumber = (value: unknown): value is number => typeof value === 'number';

export const anything = kind('anything', () => true);
export const object = kind('an object', value => typeof value === 'object' && value !== null && !Array.isArray(value));
export const flag = kind('true or false', value => typeof value === 'boolean');
export const text = kind('a text that is not empty', value => typeof value === 'string' && value !== '');
export const method = kind('a function', value => typeof value === 'function');
export const positive = kind('a number above 0', value => isNumber(value) && value > 0);
/** A limit: as many as that, or any number. */
export const count = kind(
  'a whole number, 1 or more',
  value => value === Infinity || (Number.isInteger(value) && (value as number) >= 1),
);
export const duration = kind(
  'a number of milliseconds above 0',
  value => isNumber(value) && value > 0 && Number.isFinite(value),
);
/** How long ago, or for how long. */
export const milliseconds = kind('a number of milliseconds, 0 or more', value => isNumber(value) && value >= 0);
/** For Node's timers, which take no more: 2³¹ milliseconds would be one. */
export const delay = kind(
  'a number of milliseconds above 0, of 24 days at most',
  value => isNumber(value) && value > 0 && value < 2 ** 31,
);

export const clock = objectWith('a Clock', 'now', 'after');
export const logger = objectWith('a Logger', 'error', 'warn');

/**
 * Throws `OPTION_INVALID` for an option of `call` that there is not, with the one that was probably meant, and for a value that
 * is not of its kind. `undefined` is as good as not given. Where `onRefusal` is given, it is told of all of these instead.
 */
export function checkOptions<T extends object>(
  call: string,
  given: T,
  kinds: Kinds<T>,
  onRefusal: (error: EspalierError) => void = fail,
): void {
  const refuse = (message: string) => onRefusal(optionInvalid(`${call}${message}`));
  if (!isMadeOf(given, kinds))
    return refuse(`: its options are ${describe(given)}. They must be an object of options.`);
  checkParts(given as Record<string, unknown>, kinds, '', refuse);
}

function fail(error: Error): never {
  throw error;
}

/** Those of some options that are of their kind. */
export function fitting<T extends object>(given: T, kinds: Kinds<Partial<T>>): T {
  const table: Table = kinds;
  return Object.fromEntries(Object.entries(given).filter(([name, value]) => table[name]?.fits(value))) as T;
}

/** The options that a table knows, for a call that takes no others. */
export function pick<T extends object>(given: T, kinds: Kinds<Partial<T>>): T {
  return Object.fromEntries(Object.entries(given).filter(([name]) => Object.hasOwn(kinds, name))) as T;
}

function checkParts(
  given: Record<string, unknown>,
  kinds: Table,
  path: string,
  refuse: (message: string) => void,
): void {
  if (isPlain(given)) {
    for (const name of Object.keys(given)) if (!Object.hasOwn(kinds, name)) refuse(noOption(path, name, kinds));
  }
  for (const [name, {wanted, fits, parts, ...one}] of Object.entries(kinds)) {
    const value = given[name];
    if (value === undefined && !one.isRequired) continue;
    if (!fits(value)) refuse(`: ${path}${name} is ${shown(value, one.isSecret)}. It must be ${wanted}.`);
    if (parts && object.fits(value)) checkParts(value as Record<string, unknown>, parts, `${path}${name}.`, refuse);
  }
}

/** An instance of a class may hold more than options, but then it has to hold one of these. */
function isMadeOf(given: unknown, kinds: Table): boolean {
  return object.fits(given) && (isPlain(given as object) || Object.keys(kinds).some(name => name in (given as object)));
}

function isPlain(given: object): boolean {
  const prototype = Object.getPrototypeOf(given) as object | null;
  return prototype === null || prototype === Object.prototype;
}

function shown(value: unknown, isSecret = false): string {
  if (value === undefined) return 'missing';
  const isShort = isNumber(value) || typeof value === 'boolean' || (typeof value === 'string' && value.length <= 40);
  if (isSecret || !isShort) return describe(value);
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function noOption(path: string, name: string, kinds: Table): string {
  const known = namesIn(kinds, path);
  const nearest = nearestTo(name, known);
  const wayOut = nearest ? `Did you mean "${nearest}"?` : `It has ${Object.keys(kinds).join(', ')}.`;
  return ` has no option "${path}${name}". ${wayOut}`;
}

/** The names of all options, those of their parts too. */
function namesIn(kinds: Table, path: string): string[] {
  return Object.entries(kinds).flatMap(([name, {parts}]) => [
    path + name,
    ...(parts ? namesIn(parts, `${path}${name}.`) : []),
  ]);
}

/** The one of some names that was probably meant, by the last part of each. */
export function nearestTo(name: string, paths: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(name.length / 3));
  const near = paths.map(path => ({path, edits: edits(path.split('.').at(-1)!.toLowerCase(), name.toLowerCase())}));
  return near.filter(one => one.edits <= most).toSorted((one, other) => one.edits - other.edits)[0]?.path;
}

/** How many letters have to be put in, taken out, replaced or swapped to make one text of another (Damerau and Levenshtein). */
function edits(from: string, to: string): number {
  const rows = [Array.from({length: to.length + 1}, (_, i) => i)];
  for (let i = 0; i < from.length; i += 1) {
    const above = rows[i]!;
    const row = [i + 1];
    for (let j = 0; j < to.length; j += 1) {
      const isSwapped = i > 0 && from[i] === to[j - 1] && from[i - 1] === to[j];
      const swapped = isSwapped ? rows[i - 1]![j - 1]! + 1 : Infinity;
      row.push(Math.min(row[j]! + 1, above[j + 1]! + 1, above[j]! + Number(from[i] !== to[j]), swapped));
    }
    rows.push(row);
  }
  return rows.at(-1)!.at(-1)!;
}

import {pointerTo} from '../schema.ts';

/** Something that JSON would lose, in words, and where it stands (RFC 6901). */
export interface Loss {
  readonly what: string;
  readonly pointer: string;
}

/** How JSON writes the objects that have one prototype: all that they hold, what they say themselves, or not what they hold. */
type Kind = 'whole' | 'own' | 'lost';

type Constructor = {readonly name?: string} | undefined;

/**
 * Whether JSON writes all that an object holds, and each object in it. Where it says no, `lossIn` decides. A plain loop, since each
 * answer comes by: it adds a tenth to a quarter to `JSON.stringify`, to which a function as its second argument adds far more.
 *
 * `undefined`, functions, symbols and `NaN` pass. That JSON leaves them out, or writes `null`, is known to everybody; and they come
 * by with the data, in one row of many, where a 500 would be worse. A class or a type is the same each time.
 */
export function isKept(value: object): boolean {
  if (Array.isArray(value)) {
    for (const each of value as unknown[]) if (isObject(each) && !isKept(each)) return false;
    return true;
  }
  const kind = kindOf(value);
  if (kind !== 'whole') return kind === 'own';
  for (const name in value) {
    const each = (value as Record<string, unknown>)[name];
    if (isObject(each) && !isKept(each)) return false;
  }
  return true;
}

/** How deep a loss is looked for. */
const nestLimit = 500;

/** The first thing in a value that JSON would lose, or can't write. Of what has `toJSON`, that is its own business. */
export function lossIn(value: unknown, steps: readonly string[] = [], seen = new Set<unknown>()): Loss | undefined {
  const what = lostAs(value);
  if (what !== undefined) return {what, pointer: pointerTo(steps)};
  if (!isObject(value) || 'toJSON' in value || seen.has(value) || steps.length > nestLimit) return undefined;
  seen.add(value);
  for (const [name, each] of Object.entries(value)) {
    const loss = lossIn(each, [...steps, name], seen);
    if (loss) return loss;
  }
  return undefined;
}

function lostAs(value: unknown): string | undefined {
  if (typeof value === 'bigint') return 'a bigint';
  if (!isObject(value) || Array.isArray(value) || kindOf(value) !== 'lost') return undefined;
  return named(Object.getPrototypeOf(value) as object);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function kindOf(value: object): Kind {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return 'whole';
  const kind = kindBy(prototype);
  return kind === 'whole' && isHollow(value) ? 'lost' : kind;
}

/** JSON writes what they stand for. */
const written: ReadonlySet<object> = new Set([
  String.prototype,
  Number.prototype,
  Boolean.prototype,
  Object.getPrototypeOf(Uint8Array.prototype) as object,
]);

const kinds = new WeakMap<object, Kind>();

function kindBy(prototype: object): Kind {
  const known = kinds.get(prototype);
  if (known) return known;
  const kind = 'toJSON' in prototype ? 'own' : kindOfLine(prototype);
  kinds.set(prototype, kind);
  return kind;
}

function kindOfLine(prototype: object): Kind {
  const line = lineOf(prototype);
  if (line.some(each => written.has(each))) return 'own';
  const sources = line.map(sourceOf);
  return sources.some(source => source.includes('[native code]') || hasPrivateFields(source)) ? 'lost' : 'whole';
}

/** A prototype and those behind it, but the last, which all objects have. */
function lineOf(prototype: object): object[] {
  const next = Object.getPrototypeOf(prototype) as object | null;
  return next ? [prototype, ...lineOf(next)] : [];
}

function sourceOf(prototype: object): string {
  const maker = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value as unknown;
  return typeof maker === 'function' ? Function.prototype.toString.call(maker) : '';
}

/** Nothing but the source of a class tells of them: fields that are declared, and used. */
function hasPrivateFields(source: string): boolean {
  if (!source.includes('#')) return false;
  const declared = codeOf(source).matchAll(/(?<![.\w]|\bstatic\s+)(#[\p{ID_Start}$_][\p{ID_Continue}$]*)\s*?[=;\n}]/gu);
  // A template may be where it is used.
  return [...declared].some(([, name]) => source.includes(`.${name}`));
}

/** Comments, texts, templates, and patterns, which follow what no value ends with. */
const noCode =
  /\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=(?:^|[^\w\s$)\]}'"`]|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//g;

function codeOf(source: string): string {
  return source.replace(noCode, "''");
}

/** Whether JSON writes `{}` for what holds something all the same: out of sight, behind getters, or still to come. */
function isHollow(value: object): boolean {
  if (Object.keys(value).length > 0) return false;
  if (Symbol.asyncIterator in value) return true;
  return (
    Reflect.ownKeys(value).length > 0 ||
    lineOf(Object.getPrototypeOf(value) as object).some(prototype => hasGetter(prototype))
  );
}

function hasGetter(prototype: object): boolean {
  return Object.values(Object.getOwnPropertyDescriptors(prototype)).some(property => 'get' in property);
}

function named(prototype: object): string {
  const {constructor: maker, [Symbol.toStringTag]: tag} = prototype as {
    constructor?: Constructor;
    [Symbol.toStringTag]?: string;
  };
  const name = maker?.name || tag;
  if (!name) return 'an object of a class without a name';
  return /^[AEIO]/.test(name) ? `an ${name}` : `a ${name}`;
}

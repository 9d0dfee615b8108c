import type * as Devalue from 'devalue';
import {describe, EspalierError} from '../../errors.ts';
import type {ComponentDeclaration, Fields} from './component.ts';
import {isJson, nestLimit} from '../../json.ts';
import {onDemand} from '../../on-demand.ts';
import type {StoredComponent} from '../store/contract.ts';

const devalue = onDemand('devalue') as () => typeof Devalue;

/** What a component's text says: the fields of an instance, and the version of the class that stored them. */
export interface ComponentContent {
  readonly version: number;
  readonly fields: Fields;
}

/** A component of which is known already what it says: as its record was found, which tells early whether it can be read, or written. */
export class LoadedComponent implements StoredComponent {
  readonly revision: number;
  readonly text: string;
  #content: ComponentContent | undefined;

  /** Throws `SESSION_CORRUPT` where the text is none of a component, unless `content` tells what it says. */
  constructor({revision, text}: StoredComponent, content = readContent(text)) {
    this.revision = revision;
    this.text = text;
    this.#content = content;
  }

  /** What the text says, for this caller alone: what one of them changes, no other sees. */
  content(): ComponentContent {
    const content = this.#content ?? readContent(this.text);
    this.#content = undefined;
    return content;
  }
}

/** What a component says, for this caller alone. Throws `SESSION_CORRUPT` where its text is none of a component. */
export function contentOf(stored: StoredComponent): ComponentContent {
  return stored instanceof LoadedComponent ? stored.content() : readContent(stored.text);
}

/**
 * The text that says this: JSON where JSON gives all of it back as it was, which takes a third of the time, and devalue's
 * where it does not. Throws `COMPONENT_INVALID` for what can't be stored.
 */
export function writeContent(component: ComponentDeclaration, {version, fields}: ComponentContent): string {
  try {
    if (isJson(fields)) return JSON.stringify({version, fields});
    if (nestsTooDeep(fields)) throw new RangeError();
    const buffers: Buffer[] = [];
    return devalue().stringify([version, fields, buffers], undefined, {operations: operationsFor(buffers)});
  } catch (error) {
    if (error instanceof devalue().DevalueError) throw unstorable(component, placeOf(error), kindOf(error));
    throw unstorable(component, 'some place', error instanceof RangeError ? tooDeep : "what can't be read");
  }
}

const tooDeep = `a nest of more than ${nestLimit} levels`;

/** Whether there are too many levels, on the way that devalue goes through what can hold itself. */
function nestsTooDeep(whole: object): boolean {
  const seen = new Set<unknown>([whole]);
  const open = [itemsOf(whole)[Symbol.iterator]()];
  for (let holder = open[0]; holder; holder = open.at(-1)) {
    const {done, value} = holder.next();
    if (done) open.pop();
    else if (typeof value === 'object' && value !== null && !seen.has(value)) {
      if (open.length === nestLimit) return true;
      seen.add(value);
      open.push(itemsOf(value)[Symbol.iterator]());
    }
  }
  return false;
}

/** What can be stored holds others in these ways. */
function itemsOf(holder: object): unknown[] {
  if (holder instanceof Map) return [...holder].flat();
  if (holder instanceof Set) return [...holder];
  return Array.isArray(holder) || isPlain(holder) ? Object.values(holder) : [];
}

/** What a text of `writeContent` says. Throws `SESSION_CORRUPT` for any other. */
export function readContent(text: string): ComponentContent {
  const {version, fields} = parsed(text);
  if (Number.isSafeInteger(version) && isPlain(fields)) return {version: version as number, fields};
  throw new EspalierError('SESSION_CORRUPT', 'A component of the session is not what Espalier has stored.');
}

// What a parser says of a text may repeat it, so that is not passed on.
function parsed(text: string): {readonly version?: unknown; readonly fields?: unknown} {
  try {
    // As JSON devalue's texts are lists, or a number.
    const content = (text.startsWith('{') ? JSON.parse(text) : devalue().parse(text)) as unknown;
    if (!Array.isArray(content)) return content as object;
    const [version, fields, buffers] = content as [unknown, unknown, Uint8Array[]?];
    // To 0.1.0, which does not know of them, they are bytes.
    for (const buffer of buffers ?? []) Object.setPrototypeOf(buffer, Buffer.prototype);
    return {version, fields};
  } catch {
    return {};
  }
}

/** Whether this is an object as a literal makes it. */
export function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

/** How devalue is to look at what it finds. `buffers` gets those that are there: devalue takes them for bytes alone. */
function operationsFor(buffers: Buffer[]) {
  return {
    tagOf(value: object): string {
      if (Object.getPrototypeOf(value) === Buffer.prototype) buffers.push(value as Buffer);
      else if (!isWhole(value)) return 'Object';
      return tagOf(value);
    },
    // What else is in the buffer that bytes are a part of is nobody's business.
    viewInfo(view: NodeJS.ArrayBufferView) {
      const isPart = view.byteLength < view.buffer.byteLength;
      const buffer = isPart ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view.buffer;
      const length = 'length' in view ? view.length : view.byteLength;
      return {buffer, byteOffset: 0, byteLength: view.byteLength, length, bufferByteLength: buffer.byteLength};
    },
  };
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

/** Whether all that there is to a value comes back, so far as itself goes: it is none of a class of somebody's own, like one that extends Map. */
function isWhole(value: object): boolean {
  const resizes = value instanceof ArrayBuffer && value.resizable;
  return isBuiltIn(value) && !resizes && !hasFields(value);
}

// Also one of another realm, as where a test runner has one for each file.
function isBuiltIn(value: object): boolean {
  const path = tagOf(value).split('.');
  const prototype = Object.getPrototypeOf(value) as {constructor?: unknown} | null;
  const kind = path.reduce<unknown>((holder, name) => Object(holder)[name] as unknown, globalThis);
  if (typeof kind === 'function' && kind.prototype === prototype) return true;
  const other = prototype?.constructor;
  return typeof other === 'function' && other.name === path.at(-1) && /\[native code\]/.test(String(other));
}

/** Whether somebody has given fields to what is no plain object, as an array that a match gives has them. */
function hasFields(value: object): boolean {
  if (isPlain(value) || ArrayBuffer.isView(value)) return false;
  if (value instanceof RegExp && value.lastIndex !== 0) return true;
  // The indices come first.
  const last = Object.keys(value).at(-1);
  return last !== undefined && !((Array.isArray(value) || tagOf(value) === 'String') && /^\d+$/.test(last));
}

/** The error for a component that holds what can't be stored. Without its cause, which holds the value. */
export function unstorable({name}: ComponentDeclaration, place: string, what: string): EspalierError {
  return new EspalierError(
    'COMPONENT_INVALID',
    `The component ${name} can't be stored: at ${place} it has ${what}. Store plain data, dates, maps and sets, not instances of other classes.`,
  );
}

// The keys of a map are values.
function placeOf({path}: Devalue.DevalueError): string {
  const place = path.replace(/^\[1\]/, '').replace(/\.get\(.*$/s, '.get(…)');
  return place.slice(0, 200) || 'its top';
}

function kindOf({message, value}: Devalue.DevalueError): string {
  if (message.includes('__proto__')) return 'a field named __proto__';
  if (message.includes('symbolic keys')) return 'a field named by a symbol';
  const isExtended = typeof value === 'object' && value !== null && isBuiltIn(value) && hasFields(value);
  return isExtended ? `${describe(value)} with fields of its own` : describe(value);
}

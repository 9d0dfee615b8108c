import {DevalueError, parse, stringify} from 'devalue';
import {isPromised} from '../awaitable.ts';
import {describe, EspalierError} from '../errors.ts';
import {componentOf, type ComponentClass, type ComponentDeclaration, type Fields} from './component.ts';
import type {StoredComponent} from './session-store.ts';

/** What a component's text says: the fields of an instance, and the version of the class that stored them. */
export interface ComponentContent {
  readonly version: number;
  readonly fields: Fields;
}

/** A component of a record, read when the record was found, which tells early whether it can be. */
export class LoadedComponent implements StoredComponent {
  readonly revision: number;
  readonly text: string;
  #content: ComponentContent | undefined;

  /** Throws `SESSION_CORRUPT` where the text is none of a component. */
  constructor({revision, text}: StoredComponent) {
    this.revision = revision;
    this.text = text;
    this.#content = read(text);
  }

  /** What the text says, for this caller alone: what one of them changes, no other sees. */
  content(): ComponentContent {
    const content = this.#content ?? read(this.text);
    this.#content = undefined;
    return content;
  }
}

/** What a component says, for this caller alone. Throws `SESSION_CORRUPT` where its text is none of a component. */
export function contentOf(stored: StoredComponent): ComponentContent {
  return stored instanceof LoadedComponent ? stored.content() : read(stored.text);
}

function read(text: string): ComponentContent {
  const [version, fields] = parsed(text);
  if (Number.isSafeInteger(version) && isPlain(fields)) return {version: version as number, fields};
  throw new EspalierError('SESSION_CORRUPT', 'A component of the session is not what Espalier has stored.');
}

// What the parser says of a text may repeat it, so that is not passed on.
function parsed(text: string): unknown[] {
  try {
    const content = parse(text) as unknown;
    return Array.isArray(content) ? content : [];
  } catch {
    return [];
  }
}

/**
 * The fields as the class has them today. Throws `COMPONENT_INVALID` where `migrate` fails. Such errors have no cause: what
 * code of others says of a value may repeat it.
 */
export function currentFields(type: ComponentClass, {version, fields}: ComponentContent): Fields {
  const component = componentOf(type);
  if (version >= component.version || !component.migrate) return fields;
  const migrated = migratedFields(component, fields, version);
  if (isPlain(migrated) || migrated instanceof type) return migrated as Fields;
  if (isPromised(migrated)) ignore(migrated);
  throw new EspalierError(
    'COMPONENT_INVALID',
    `migrate() of the component ${component.name} gave ${describe(migrated)}.`,
  );
}

function migratedFields({name, migrate}: ComponentDeclaration, fields: Fields, version: number): unknown {
  try {
    return migrate!(fields, version);
  } catch (error) {
    const message = `migrate() of the component ${name} failed on version ${version} with ${describe(error)}.`;
    throw new EspalierError('COMPONENT_INVALID', message);
  }
}

/**
 * An instance of the class with what was stored, or without. Fields that the class does not know stay on it, so that
 * an older version of an application loses nothing of what a newer one has stored; those that would hide a method or an
 * accessor are left out. Throws `COMPONENT_INVALID` where `migrate` fails or the schema refuses the fields.
 */
export function instanceOf<T extends object>(type: ComponentClass<T>, content?: ComponentContent): T {
  return content ? loadedInstance(type, currentFields(type, content), content.version) : filled(type, {}).instance;
}

/** The same, of fields that are current. `version` is that of the class which stored them. */
export function loadedInstance<T extends object>(type: ComponentClass<T>, current: Fields, version: number): T {
  const {instance, fields} = filled(type, current);
  const component = componentOf(type);
  // What a later version has stored is not for this one's schema to judge.
  if (version <= component.version) check(component, fields, 'loaded');
  return instance;
}

/** An instance with these fields, and with those of the class where there are none. */
function filled<T extends object>(type: ComponentClass<T>, given: Fields): {instance: T; fields: Fields} {
  const instance = new type();
  const missing: Fields = {};
  for (const [name, field] of Object.entries(instance)) {
    if (typeof field !== 'function' && !Object.hasOwn(given, name)) define(missing, name, field);
  }
  const fields = ownCopy(type, missing);
  for (const [name, field] of Object.entries(given)) if (!isTaken(instance, name)) define(fields, name, field);
  for (const [name, field] of Object.entries(fields)) define(instance, name, field);
  return {instance, fields};
}

// What a class gives to its fields may be an object that all its instances share, and so all visitors.
function ownCopy(type: ComponentClass, fields: Fields): Fields {
  const isShared = Object.values(fields).some(field => typeof field === 'object' && field !== null);
  return isShared ? read(write(componentOf(type), [0, fields])).fields : fields;
}

/** Whether a name is that of a method or accessor, on a new instance of a class; a field by that name would hide it. */
function isTaken(fresh: object, name: string): boolean {
  if (!Object.hasOwn(fresh, name)) return name in fresh;
  return typeof (fresh as Fields)[name] === 'function';
}

/** Those of the fields that a new instance of the class can't have, as it has methods or accessors of their names. */
export function hiddenFields(fresh: object, fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => isTaken(fresh, name)));
}

/** Those of an instance's fields that a new one does not have. */
export function unknownFields(fresh: object, instance: object): Fields {
  return Object.fromEntries(Object.entries(instance).filter(([name]) => !(name in fresh)));
}

/** What is to be stored of an instance. */
interface Storing {
  /** A new instance of its class. */
  readonly fresh: object;
  /** What is stored beside its own fields. */
  readonly hidden: Fields;
  /** Of the class that stored it the last time; 0 when there was none. */
  readonly version: number;
  /** The most bytes that the text may have. */
  readonly limit: number;
}

/**
 * The text of an instance. Throws `COMPONENT_INVALID` where a field holds what can't be stored, or the schema refuses it, and
 * `COMPONENT_TOO_LARGE` for more than `limit` bytes.
 */
export function textOf(type: ComponentClass, value: object, {fresh, hidden, version, limit}: Storing): string {
  const component = componentOf(type);
  const fields = storable(component, value, fresh);
  const text = write(component, [Math.max(version, component.version), {...hidden, ...fields}]);
  if (version <= component.version) check(component, fields, 'stored');
  const size = Buffer.byteLength(text);
  if (size <= limit) return text;
  throw new EspalierError(
    'COMPONENT_TOO_LARGE',
    `The component ${component.name} would take ${size} bytes of the ${limit} that it may have. Keep large things elsewhere, and a key to them here.`,
  );
}

/** An instance's own enumerable fields. Functions among them are made by the class again. */
function storable(component: ComponentDeclaration, value: object, fresh: object): Fields {
  const fields: Fields = {};
  for (const [name, field] of Object.entries(value)) {
    if (!isTaken(fresh, name)) define(fields, name, field);
    else if (typeof field !== 'function') {
      throw unstorable(component, `.${name}`, 'a value in place of a method or accessor of the class');
    }
  }
  if (Object.getOwnPropertySymbols(value).some(symbol => isData(value, symbol))) {
    throw unstorable(component, 'its top', 'a field named by a symbol');
  }
  return fields;
}

function isData(value: object, symbol: symbol): boolean {
  const property = Object.getOwnPropertyDescriptor(value, symbol);
  return property?.enumerable === true && typeof property.value !== 'function';
}

// An assignment would run setters, `__proto__` among them.
function define(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, {value, writable: true, enumerable: true, configurable: true});
}

const operations = {
  // Of an instance of a class of somebody's own, like one that extends Map, the class would be lost.
  tagOf(value: object): string {
    const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
    const isOwn = classNameOf(value) === tag.slice(tag.lastIndexOf('.') + 1);
    return isOwn || Buffer.isBuffer(value) ? tag : 'Object';
  },
  // What else is in the buffer that bytes are a part of is nobody's business.
  viewInfo(view: NodeJS.ArrayBufferView) {
    const isPart = view.byteLength < view.buffer.byteLength;
    const buffer = isPart ? view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) : view.buffer;
    const length = 'length' in view ? view.length : view.byteLength;
    return {buffer, byteOffset: 0, byteLength: view.byteLength, length, bufferByteLength: buffer.byteLength};
  },
};

function classNameOf(value: object): unknown {
  return (Object.getPrototypeOf(value) as {constructor?: {name?: unknown}} | null)?.constructor?.name;
}

function write(component: ComponentDeclaration, content: [number, Fields]): string {
  try {
    return stringify(content, undefined, {operations});
  } catch (error) {
    if (error instanceof DevalueError) throw unstorable(component, placeOf(error), kindOf(error));
    throw unstorable(component, 'some place', error instanceof RangeError ? 'too deep a nest' : "what can't be read");
  }
}

// Without its cause, which holds the value.
function unstorable({name}: ComponentDeclaration, place: string, what: string): EspalierError {
  return new EspalierError(
    'COMPONENT_INVALID',
    `The component ${name} can't be stored: at ${place} it has ${what}. Store plain data, dates, maps and sets, not instances of other classes.`,
  );
}

// The keys of a map are values.
function placeOf({path}: DevalueError): string {
  const place = path.replace(/^\[1\]/, '').replace(/\.get\(.*$/s, '.get(…)');
  return place.slice(0, 200) || 'its top';
}

function kindOf({message, value}: DevalueError): string {
  if (message.includes('__proto__')) return 'a field named __proto__';
  if (message.includes('symbolic keys')) return 'a field named by a symbol';
  return describe(value);
}

function check(component: ComponentDeclaration, fields: Fields, act: string): void {
  const result = component.schema && validated(component.schema, fields);
  if (!result) return;
  const refuse = (why: string) => {
    throw new EspalierError('COMPONENT_INVALID', `The component ${component.name} can't be ${act}: its schema ${why}.`);
  };
  if ('failure' in result) return refuse(`fails with ${describe(result.failure)}`);
  if (isPromised(result)) {
    ignore(result);
    return refuse('answers asynchronously. Take one that answers at once');
  }
  if (result.issues) refuse(`refuses ${placesOf(result.issues, fields)}`);
}

type Schema = NonNullable<ComponentDeclaration['schema']>;
type Validated = ReturnType<Schema['~standard']['validate']>;
type Issues = NonNullable<Awaited<Validated>['issues']>;

function validated(schema: Schema, fields: Fields): Validated | {readonly failure: unknown} {
  try {
    return schema['~standard'].validate(fields);
  } catch (failure) {
    return {failure};
  }
}

// The places alone: what validators say of a value may repeat it.
function placesOf(issues: Issues, fields: Fields): string {
  const places = [...new Set(issues.map(({path = []}) => issuePlace(path, fields) || 'the whole'))];
  return places.length > 5 ? `${places.slice(0, 5).join(', ')} and more` : places.join(', ');
}

function issuePlace(path: NonNullable<Issues[number]['path']>, fields: Fields): string {
  let holder: unknown = fields;
  let place = '';
  for (const step of path) {
    // The keys of a map are values.
    if (holder instanceof Map || holder instanceof Set) return `${place}.…`;
    const name = typeof step === 'object' ? step.key : step;
    place += `${place && '.'}${String(name)}`;
    holder = Object(holder)[name] as unknown;
  }
  return place.slice(0, 200);
}

/** Let a promise that nobody waits for fail unheard. */
export function ignore(promise: PromiseLike<unknown>): void {
  promise.then(undefined, () => undefined);
}

function isPlain(value: unknown): value is Fields {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as unknown;
  return prototype === Object.prototype || prototype === null;
}

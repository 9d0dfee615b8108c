import {ignore, isPromised} from '../../awaitable.ts';
import {describe, EspalierError} from '../../errors.ts';
import {made, type ComponentDeclaration, type Fields} from './component.ts';
import {currentFields, instanceOf, loadedInstance, storableFields, unknownFields, withHiddenFields} from './fields.ts';
import {checkFields} from './schema.ts';
import {contentOf, writeContent, type ComponentContent} from './content.ts';
import type {StoredComponent} from '../store/contract.ts';

/**
 * Changes a component, or gives another to take its place: an instance, or a plain object with the fields. Fields that
 * were stored and that the class does not know stay. It may be called more than once, so it should do nothing else, and it
 * must not be asynchronous. What it gives besides, or takes out of the component, is not used, so that `count => count.n++` will do.
 */
export type ComponentUpdate<T> = (value: T) => T | string | number | bigint | boolean | null | undefined | void;

/** A component that is to be stored. */
export interface UpdatedComponent {
  readonly text: string;
  /** What the text says, where that holds no objects, which others might change. */
  readonly content: ComponentContent | undefined;
}

/**
 * A component after an update of what is stored, if anything is. Throws `COMPONENT_INVALID` where a field holds
 * what can't be stored, or the schema refuses it, and `COMPONENT_TOO_LARGE` for more than `limit` bytes.
 */
export function updated<T extends object>(
  component: ComponentDeclaration<T>,
  stored: StoredComponent | undefined,
  update: ComponentUpdate<T>,
  limit: number,
): UpdatedComponent {
  const fresh = made(component);
  if (!stored) {
    const fields = changedFields(component, instanceOf(component), fresh, update);
    return written(component, {version: component.version, fields}, fields, limit);
  }
  const content = contentOf(stored);
  const current = currentFields(component, content);
  const fields = changedFields(component, loadedInstance(component, current, content.version), fresh, update);
  const version = Math.max(content.version, component.version);
  return written(component, {version, fields: withHiddenFields(fields, fresh, current)}, fields, limit);
}

/** What is to be stored of a draft, once `update` has changed or replaced it. `fresh` is a new instance of its class. */
function changedFields<T extends object>(
  component: ComponentDeclaration<T>,
  draft: T,
  fresh: T,
  update: ComponentUpdate<T>,
): Fields {
  const held = holdsObjects(draft) ? heldBy(draft) : nothing;
  const result = replacement(component, draft, update(draft), held);
  // What the class does not know, as another version of the application does, is not this one's to leave out.
  const value = result ? {...unknownFields(fresh, draft), ...result} : draft;
  return storableFields(component, value, fresh);
}

/** This content with its text; the schema has a say in the `fields` of it that the class knows. */
function written(
  component: ComponentDeclaration,
  content: ComponentContent,
  fields: Fields,
  limit: number,
): UpdatedComponent {
  const text = writeContent(component, content);
  if (content.version === component.version) checkFields(component, fields, 'stored');
  const size = Buffer.byteLength(text);
  if (size <= limit) return {text, content: holdsObjects(content.fields) ? undefined : content};
  throw new EspalierError(
    'COMPONENT_TOO_LARGE',
    `The component ${component.name} would take ${size} bytes of the ${limit} that it may have. Keep large things elsewhere, and a key to them here.`,
  );
}

/** What an update gave to take the draft's place, if it did. `held` is what the draft held before. */
function replacement(
  component: ComponentDeclaration,
  draft: object,
  result: unknown,
  held: ReadonlySet<unknown>,
): object | undefined {
  if (typeof result === 'function') throw misused(component, 'gave a function. Change the component, or give another');
  if (typeof result !== 'object' || result === null || result === draft) return undefined;
  if (isPromised(result)) {
    ignore(result);
    throw misused(component, 'is asynchronous. Do what takes time before, and change the component at once');
  }
  if (result instanceof component.type) return result;
  // An arrow function without braces gives what it assigns, or what a method gives: a map itself, or what it takes out.
  if (held.has(result) || heldBy(draft).has(result)) return undefined;
  const prototype = Object.getPrototypeOf(result) as unknown;
  if (prototype === Object.prototype || prototype === null) return result;
  throw misused(component, `gave ${describe(result)}. Change the component, or give another`);
}

const nothing: ReadonlySet<unknown> = new Set();

function holdsObjects(value: object): boolean {
  for (const name in value) if (typeof (value as Fields)[name] === 'object') return true;
  return false;
}

/** The value and all that it holds, however deep. */
function heldBy(value: unknown): ReadonlySet<unknown> {
  const held = new Set([value]);
  // A set may grow while it is gone through.
  for (const holder of held) {
    for (const other of itemsOf(holder)) if (typeof other === 'object' && other !== null) held.add(other);
  }
  return held;
}

function itemsOf(holder: unknown): Iterable<unknown> {
  if (holder instanceof Map) return [...holder.keys(), ...holder.values()];
  if (holder instanceof Set) return holder;
  return ArrayBuffer.isView(holder) ? [] : Object.values(holder as object);
}

function misused({name}: ComponentDeclaration, what: string): EspalierError {
  return new EspalierError('COMPONENT_INVALID', `The function to update ${name} with ${what}.`);
}

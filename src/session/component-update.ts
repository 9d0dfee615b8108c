import {isPromised} from '../awaitable.ts';
import {describe, EspalierError} from '../errors.ts';
import {componentOf, type ComponentClass} from './component.ts';
import {
  contentOf,
  currentFields,
  hiddenFields,
  ignore,
  instanceOf,
  loadedInstance,
  textOf,
  unknownFields,
} from './component-text.ts';
import type {StoredComponent} from './session-store.ts';

/**
 * Changes a component, or gives another to take its place: an instance, or a plain object with the fields. Fields that
 * were stored and that the class does not know stay. It may be called more than once, so it should do nothing else, and it
 * must not be asynchronous. What it gives besides, or takes out of the component, is not used, so that `count => count.n++` will do.
 */
export type ComponentUpdate<T> = (value: T) => T | string | number | bigint | boolean | null | undefined | void;

/** The text of a component after an update of what is stored, if anything is. */
export function updatedText<T extends object>(
  type: ComponentClass<T>,
  stored: StoredComponent | undefined,
  update: ComponentUpdate<T>,
  limit: number,
): string {
  if (!stored) return changedText(type, instanceOf(type), update, {hidden: {}, version: 0, limit});
  const content = contentOf(stored);
  const {version} = content;
  const fields = currentFields(type, content);
  const hidden = hiddenFields(new type(), fields);
  return changedText(type, loadedInstance(type, fields, version), update, {hidden, version, limit});
}

function changedText<T extends object>(
  type: ComponentClass<T>,
  draft: T,
  update: ComponentUpdate<T>,
  storing: Omit<Parameters<typeof textOf>[2], 'fresh'>,
): string {
  const fresh = new type();
  const held = heldBy(draft);
  const result = replacement(type, draft, update(draft), held);
  // What the class does not know, as another version of the application does, is not this one's to leave out.
  const value = result ? {...unknownFields(fresh, draft), ...result} : draft;
  return textOf(type, value, {...storing, fresh});
}

/** What an update gave to take the draft's place, if it did. `held` is what the draft held before. */
function replacement(
  type: ComponentClass,
  draft: object,
  result: unknown,
  held: ReadonlySet<unknown>,
): object | undefined {
  if (typeof result === 'function') throw misused(type, 'gave a function. Change the component, or give another');
  if (typeof result !== 'object' || result === null || result === draft) return undefined;
  if (isPromised(result)) {
    ignore(result);
    throw misused(type, 'is asynchronous. Do what takes time before, and change the component at once');
  }
  if (result instanceof type) return result;
  // An arrow function without braces gives what it assigns, or what a method gives: a map itself, or what it takes out.
  if (held.has(result) || heldBy(draft).has(result)) return undefined;
  const prototype = Object.getPrototypeOf(result) as unknown;
  if (prototype === Object.prototype || prototype === null) return result;
  throw misused(type, `gave ${describe(result)}. Change the component, or give another`);
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

function misused(type: ComponentClass, what: string): EspalierError {
  return new EspalierError('COMPONENT_INVALID', `The function to update ${componentOf(type).name} with ${what}.`);
}

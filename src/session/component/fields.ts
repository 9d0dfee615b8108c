import {isPromised, ignore} from '../../awaitable.ts';
import {describe, EspalierError} from '../../errors.ts';
import {readOnly, type ReadOnly} from '../../read-only.ts';
import type {StoredComponent} from '../store/contract.ts';
import {made, type ComponentDeclaration, type Fields} from './component.ts';
import {contentOf, isPlain, readContent, unstorable, writeContent, type ComponentContent} from './content.ts';
import {checkFields} from './schema.ts';

/**
 * The fields as the class has them today. Throws `COMPONENT_INVALID` where `migrate` fails. Such errors have no cause: what
 * code of others says of a value may repeat it.
 */
export function currentFields(component: ComponentDeclaration, {version, fields}: ComponentContent): Fields {
  if (version >= component.version || !component.migrate) return fields;
  const migrated = migratedFields(component, fields, version);
  if (isPlain(migrated) || migrated instanceof component.type) return migrated as Fields;
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
export function instanceOf<T extends object>(component: ComponentDeclaration<T>, content?: ComponentContent): T {
  if (!content) return filled(component, {}).instance;
  return loadedInstance(component, currentFields(component, content), content.version);
}

/** A component to look at, as it rests, or a new one: nothing in it can be changed. */
export function viewOf<T extends object>(component: ComponentDeclaration<T>, stored?: StoredComponent): ReadOnly<T> {
  return readOnly(instanceOf(component, stored && contentOf(stored)));
}

/** The same, of fields that are current. `version` is that of the class which stored them. */
export function loadedInstance<T extends object>(
  component: ComponentDeclaration<T>,
  current: Fields,
  version: number,
): T {
  const {instance, fields} = filled(component, current);
  // What a later version has stored is not for this one's schema to judge.
  if (version <= component.version) checkFields(component, fields, 'loaded');
  return instance;
}

/** An instance with these fields, and with those of the class where there are none. */
function filled<T extends object>(component: ComponentDeclaration<T>, given: Fields): {instance: T; fields: Fields} {
  const instance = made(component);
  const fields = missingFields(component, instance as Fields, given);
  for (const name of Object.keys(given)) if (!isTaken(instance, name)) put(fields, name, given[name]);
  for (const name of Object.keys(fields)) define(instance, name, fields[name]);
  return {instance, fields};
}

/** What the class gives to those of its fields that are not given. */
function missingFields(component: ComponentDeclaration, instance: Fields, given: Fields): Fields {
  const missing: Fields = {};
  let isShared = false;
  for (const name of Object.keys(instance)) {
    const field = instance[name];
    if (typeof field === 'function' || Object.hasOwn(given, name)) continue;
    put(missing, name, field);
    isShared ||= typeof field === 'object' && field !== null;
  }
  // An object may be shared by all instances of the class, and so by all visitors.
  return isShared ? readContent(writeContent(component, {version: 0, fields: missing})).fields : missing;
}

/** Whether a name is that of a method or accessor, on a new instance of a class; a field by that name would hide it. */
function isTaken(fresh: object, name: string): boolean {
  if (!Object.hasOwn(fresh, name)) return name in fresh;
  return typeof (fresh as Fields)[name] === 'function';
}

/** These fields, and those of the `stored` ones that a new instance of the class can't have, as it has methods or accessors of their names. */
export function withHiddenFields(fields: Fields, fresh: object, stored: Fields): Fields {
  const hidden = Object.keys(stored).filter(name => isTaken(fresh, name));
  if (hidden.length === 0) return fields;
  const whole: Fields = {};
  for (const name of hidden) put(whole, name, stored[name]);
  return {...whole, ...fields};
}

/** Those of an instance's fields that a new one does not have. */
export function unknownFields(fresh: object, instance: object): Fields {
  return Object.fromEntries(Object.entries(instance).filter(([name]) => !(name in fresh)));
}

/**
 * What is to be stored of an instance: its own enumerable fields. Functions among them are made by the class again. Throws
 * `COMPONENT_INVALID` for what would hide a method or an accessor of a `fresh` instance.
 */
export function storableFields(component: ComponentDeclaration, value: object, fresh: object): Fields {
  const fields: Fields = {};
  for (const name of Object.keys(value)) {
    const field = (value as Fields)[name];
    if (!isTaken(fresh, name)) put(fields, name, field);
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

// An assignment costs a tenth of a definition; of a plain object's it runs one setter, `__proto__`.
function put(fields: Fields, name: string, value: unknown): void {
  if (name === '__proto__') define(fields, name, value);
  else fields[name] = value;
}

// An assignment would run setters. Where there is a field already none does, and it costs a tenth of a definition.
function define(target: object, name: string, value: unknown): void {
  const {writable, enumerable, configurable} = Object.getOwnPropertyDescriptor(target, name) ?? {};
  if (writable && enumerable && configurable) (target as Fields)[name] = value;
  else Object.defineProperty(target, name, {value, writable: true, enumerable: true, configurable: true});
}

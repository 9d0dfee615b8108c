import type {StandardSchemaV1} from '@standard-schema/spec';
import {decorating, nothing, noteIn, noteOn, onClass, refuseBareCall, type NoteKey} from '../../decorator.ts';
import {describe, EspalierError} from '../../errors.ts';
import {checkOptions, kind, method, type Kinds} from '../../options.ts';
import {isSchema, wantedSchema} from '../../schema.ts';

/** A class whose instances can rest in a session. It is made without arguments. */
export type ComponentClass<T extends object = object> = new () => T;

/** The fields of a component as they rest: own and enumerable ones, by name. */
export type Fields = Record<string, unknown>;

/** Options of `@SessionComponent`. */
export interface ComponentOptions {
  /** Which shape of the class this is: a whole number. Raise it when `migrate` has something to do. Default: 0. */
  readonly version?: number;
  /**
   * Makes fields of this version of those that an earlier version has stored. Default: they are taken as they are, which is
   * enough for a new field: it has the value that the class gives it.
   */
  readonly migrate?: (fields: Fields, version: number) => Fields;
  /**
   * Checks the fields before they are stored and after they are loaded, those of a later version excepted: any validator that keeps the Standard Schema
   * specification, and answers at once. It only checks: what it would make of the fields is not used. Default: none.
   */
  readonly schema?: StandardSchemaV1;
}

const componentKinds: Kinds<ComponentOptions> = {
  version: kind('a whole number, 0 or more', value => Number.isSafeInteger(value) && (value as number) >= 0),
  migrate: method,
  schema: kind(wantedSchema, isSchema),
};

/** What `@SessionComponent` wrote to a class. */
export interface ComponentDeclaration<T extends object = object> extends ComponentOptions {
  readonly type: ComponentClass<T>;
  readonly name: string;
  readonly version: number;
}

const key: NoteKey<ComponentDeclaration> = Symbol.for('espalier.component');

/**
 * Marks a class as something that a session can hold, under this name: `session.get(Cart)` gives an instance of it. Give
 * each such class of a site a name of its own; a class that extends it is none until it has one too. An instance's own
 * enumerable fields are stored; they may hold what JSON can, and also dates, maps, sets, bigints, bytes, URLs, regular expressions and
 * undefined, also in circles, but no instances of other classes. What `#private` fields hold is not stored. Throws
 * `OPTION_INVALID` for a name or version that is none, and `COMPONENT_INVALID` for a class whose constructor wants arguments.
 */
export function SessionComponent(
  name: string,
  options: ComponentOptions = {},
): (target: ComponentClass, context?: ClassDecoratorContext) => void {
  if (!decorating('@SessionComponent', () => checkDeclaration(name, options))) return nothing;
  const {version = 0} = options;
  return (target: ComponentClass, context?: ClassDecoratorContext) =>
    void decorating('@SessionComponent()', () => {
      const decorated = onClass('@SessionComponent()', target, context);
      if (target.length > 0) throw unmade(target, name, 'wants arguments');
      const declaration: ComponentDeclaration = {...options, type: target, name, version};
      Object.assign(
        noteIn(key, decorated, () => declaration),
        declaration,
      );
    });
}

function checkDeclaration(name: string, options: ComponentOptions): void {
  refuseBareCall("@SessionComponent('name')", [name]);
  if (!isName(name)) {
    const wanted = 'a text, well-formed, without NUL and not empty';
    throw new EspalierError('OPTION_INVALID', `The name of a component is ${describe(name)}. It must be ${wanted}.`);
  }
  checkOptions(`@SessionComponent(${JSON.stringify(name)})`, options, componentKinds);
}

/** What stands on this very class. Throws `COMPONENT_UNMARKED` where nothing does. */
export function componentOf<T extends object>(type: ComponentClass<T>): ComponentDeclaration<T> {
  const declaration = typeof type === 'function' ? noteOn(key, type) : undefined;
  if (declaration) return declaration as ComponentDeclaration<T>;
  const what = typeof type === 'function' ? type.name || 'A class without a name' : `What is ${describe(type)}`;
  throw new EspalierError('COMPONENT_UNMARKED', `${what} is no component. Put @SessionComponent('…') on the class.`);
}

/** A new instance. Throws `COMPONENT_INVALID`, with the cause, where the constructor fails: nothing of a visitor's is in that. */
export function made<T extends object>({type, name}: ComponentDeclaration<T>): T {
  try {
    return new type();
  } catch (cause) {
    throw unmade(type, name, 'fails', cause);
  }
}

/** The components of a site: one class for each name. Other sites of the process may have others. */
export class Components {
  readonly #byName = new Map<string, ComponentDeclaration>();

  /**
   * What stands on this class, which has its name at this site from now on. Throws `COMPONENT_UNMARKED`, and
   * `COMPONENT_TAKEN` where another class has the name: each would read, and write, the fields of the other.
   */
  of<T extends object>(type: ComponentClass<T>): ComponentDeclaration<T> {
    const component = componentOf(type);
    const first = this.#byName.get(component.name);
    if (first?.type === type) return component;
    if (first && !isReloaded(first, component)) throw taken(first, component);
    this.#byName.set(component.name, component);
    return component;
  }
}

// A module that is loaded a second time declares its classes a second time.
function isReloaded(first: ComponentDeclaration, {type, version}: ComponentDeclaration): boolean {
  return first.type.name === type.name && first.version === version && String(first.type) === String(type);
}

function taken({type, name}: ComponentDeclaration, other: ComponentDeclaration): EspalierError {
  return new EspalierError(
    'COMPONENT_TAKEN',
    `The classes ${type.name} and ${other.type.name} are both the component "${name}". Give each a name of its own.`,
  );
}

function unmade(type: Function, name: string, why: string, cause?: unknown): EspalierError {
  return new EspalierError(
    'COMPONENT_INVALID',
    `The component ${name} can't be made: the constructor of ${type.name || 'its class'} ${why}. It is called without arguments.`,
    {cause},
  );
}

// Some stores could not hold it, or take one for another by it.
function isName(name: unknown): boolean {
  return typeof name === 'string' && name !== '' && name.isWellFormed() && !name.includes('\0');
}

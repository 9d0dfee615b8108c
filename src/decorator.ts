import 'reflect-metadata';
import {commandLine} from './command-line.ts';
import {EspalierError} from './errors.ts';
import {asOneLine, isOneLine} from './one-line.ts';

/**
 * Do what a decorator does. What it refuses is one line where the program does not catch it, as from `serve`, with exit code 1: the
 * stack would show how modules are loaded, and the message names the class. Gives whether it was done: where the command line collects
 * what is refused, the program goes on.
 */
export function decorating(decorator: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    const refusal = error instanceof EspalierError ? error : refused(decorator, error);
    const {onRefusal} = commandLine();
    if (!onRefusal || isOneLine(error)) throw asOneLine(refusal);
    onRefusal(refusal);
    return false;
  }
}

/** What a decorator does that is refused, where the program goes on. */
export const nothing = (): void => undefined;

/** Of the container's errors the first line says it all. */
function refused(decorator: string, cause: unknown): EspalierError {
  const [reason] = (cause as Error).message.split('\n');
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} can't stand there: ${reason}`, {cause});
}

/** How a compiler calls a decorator in the standard dialect, that of TC39. */
export interface StandardContext {
  readonly kind: string;
  readonly name?: PropertyKey | undefined;
  readonly static?: boolean;
  readonly private?: boolean;
  readonly metadata?: object | undefined;
}

/** What a decorator stands on, in either dialect. */
export interface Decorated {
  /** What keeps the notes on the class: the class itself, or in the standard dialect, where it is not made yet, its metadata. */
  readonly notes: object;
  /** What errors call the class. */
  readonly owner: string;
  /** The member that it stands on; nothing where it stands on the class. */
  readonly name: PropertyKey | undefined;
}

// Compilers keep the metadata of a class where the language will have it, once there is such a symbol.
const metadata: unique symbol = ((Symbol as {metadata?: symbol}).metadata ?? Symbol.for('Symbol.metadata')) as never;
if (!('metadata' in Symbol)) Object.defineProperty(Symbol, 'metadata', {value: metadata});

/** By what a note of a kind is found. */
export type NoteKey<T> = symbol & {
  /** There for the compiler alone. */
  readonly 'kind of note'?: T;
};

/** A note that decorators have written on this very class, in either dialect. */
export function noteOn<T>(key: NoteKey<T>, type: Function): T | undefined {
  const own = Object.getOwnPropertyDescriptor(type, metadata)?.value as object | undefined;
  return (Reflect.getOwnMetadata(key, type) ?? (own && Reflect.getOwnMetadata(key, own))) as T | undefined;
}

/** As `noteOn`, from within a decorator, which may write in it: `blank` is kept where there is none yet. */
export function noteIn<T>(key: NoteKey<T>, {notes}: Pick<Decorated, 'notes'>, blank: () => T): T {
  const kept = Reflect.getOwnMetadata(key, notes) as T | undefined;
  if (kept !== undefined) return kept;
  const made = blank();
  Reflect.defineMetadata(key, made, notes);
  return made;
}

/** What a decorator of classes stands on. Throws `DECORATOR_MISPLACED` where that is no class. */
export function onClass(decorator: string, target: Function, context: unknown): Decorated {
  if (!isStandard(context)) {
    if (typeof target === 'function' && context === undefined)
      return {notes: target, owner: nameOf(target), name: undefined};
    throw misplaced(decorator, `${ownerOf(target)}.${String(context)}. Put it on a class`);
  }
  if (context.kind === 'class') return {notes: bagOf(decorator, context), owner: nameOf(target), name: undefined};
  throw misplaced(decorator, `the ${context.kind} ${String(context.name)}. Put it on a class`);
}

/**
 * What a decorator of methods stands on. Throws `DECORATOR_MISPLACED` for a static method, and for what is no method. `place` is where
 * it is written: in the standard dialect nobody knows the name of the class yet.
 */
export function onMethod(
  decorator: string,
  target: object | Function,
  context: unknown,
  place: {toString(): string | undefined},
): Decorated & {readonly name: PropertyKey} {
  if (isStandard(context)) return onStandardMethod(decorator, context, place.toString());
  const name = context as PropertyKey;
  if (typeof target === 'function')
    throw misplaced(decorator, `the static method ${nameOf(target)}.${String(name)}. Put it on an instance method`);
  const owner = nameOf(target.constructor);
  const member = Object.getOwnPropertyDescriptor(target, name);
  if (member && typeof member.value !== 'function') throw misplaced(decorator, `${owner}.${String(name)}, ${toMethod}`);
  return {notes: target.constructor, owner, name};
}

/** What a decorator stands on, where both classes and methods may have it. */
export function onClassOrMethod(
  decorator: string,
  target: object | Function,
  context: unknown,
  place: {toString(): string | undefined},
): Decorated {
  const isClass = isStandard(context) ? context.kind === 'class' : context === undefined;
  return isClass && typeof target === 'function'
    ? onClass(decorator, target, context)
    : onMethod(decorator, target, context, place);
}

/**
 * What a decorator of fields stands on, in the standard dialect. Throws `DECORATOR_MISPLACED` for what is no field, accessor or setter.
 * `place` is where it is written.
 */
export function onField(decorator: string, context: StandardContext, place: {toString(): string | undefined}) {
  if (['field', 'accessor', 'setter'].includes(context.kind)) return onMember(decorator, context);
  const of = context.kind === 'class' ? '' : ` of ${ownerAt(place.toString()).replace(/^T/, 't')}`;
  throw misplaced(decorator, `the ${context.kind} ${String(context.name)}${of}. Put it on a field`);
}

/** Throws `DECORATOR_MISPLACED` for a static or private one. */
function onMember(decorator: string, context: StandardContext): {readonly notes: object; readonly name: PropertyKey} {
  const name = context.name!;
  const kept = context.static ? 'static' : context.private ? 'private' : undefined;
  if (kept)
    throw misplaced(
      decorator,
      `the ${kept} ${context.kind} ${String(name)}. Put it on a public instance ${context.kind}`,
    );
  return {notes: bagOf(decorator, context), name};
}

const toMethod = 'which is no method. Put it on a method';

function onStandardMethod(decorator: string, context: StandardContext, place: string | undefined) {
  if (context.kind === 'class') throw misplaced(decorator, 'a class. Put it on a method');
  if (context.kind !== 'method') throw misplaced(decorator, `the ${context.kind} ${String(context.name)}, ${toMethod}`);
  return {...onMember(decorator, context), owner: ownerAt(place)};
}

/** What errors call a class whose name nobody knows yet. */
function ownerAt(place: string | undefined): string {
  return place === undefined ? 'This class' : `The class at ${place}`;
}

/** What errors call a class. */
function nameOf(type: Function): string {
  return type.name || 'A class without a name';
}

/** What errors call the class that the member of a prototype, or a static one, is of. */
function ownerOf(target: object | Function): string {
  return nameOf(typeof target === 'function' ? target : target.constructor);
}

/** Whether a decorator was called in the standard dialect. */
export function isStandard(context: unknown): context is StandardContext {
  return typeof context === 'object' && context !== null && 'kind' in context;
}

function bagOf(decorator: string, {metadata: bag}: StandardContext): object {
  if (bag) return bag;
  const wayOut = 'Import espalier before the module of the class, or have a compiler that knows Symbol.metadata.';
  throw new EspalierError('DECORATOR_MISPLACED', `${decorator} was given no metadata by the compiler. ${wayOut}`);
}

function misplaced(decorator: string, place: string): EspalierError {
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} stands on ${place}.`);
}

/**
 * Throws `DECORATOR_MISPLACED` where a decorator without its parentheses was given what it decorates, in either dialect. `written`
 * is how to write it.
 */
export function refuseBareCall(written: string, [target, context]: readonly unknown[]): void {
  const isOnClass = typeof target === 'function' && Object.hasOwn(target, 'prototype') && context === undefined;
  const isOnMember = Object(target) === target && (typeof context === 'string' || typeof context === 'symbol');
  if (!isOnClass && !isOnMember && !isStandard(context)) return;
  const [decorator] = written.split('(');
  const place = isStandard(context)
    ? `the ${context.kind} ${String(context.name)}`
    : isOnMember
      ? `${ownerOf(target as object)}.${String(context)}`
      : nameOf(target as Function);
  // The program can't go on: what a bare decorator gives would stand in the place of the class.
  const message = `${decorator} on ${place} has no parentheses. Write ${written}.`;
  throw asOneLine(new EspalierError('DECORATOR_MISPLACED', message));
}

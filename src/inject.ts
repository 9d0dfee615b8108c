import * as inversify from 'inversify';
import type {ServiceIdentifier} from 'inversify';
import {
  decorating,
  isStandard,
  noteIn,
  noteOn,
  onClass,
  onField,
  onMethod,
  refuseBareCall,
  type NoteKey,
  type StandardContext,
} from './decorator.ts';
import {EspalierError} from './errors.ts';
import {Place} from './place.ts';

/** A decorator of constructor parameters and of properties. In the standard dialect, which has none of parameters, of fields alone. */
interface InjectDecorator {
  (target: object, name: PropertyKey | undefined, index?: number): void;
  (field: unknown, context: ClassFieldDecoratorContext | ClassAccessorDecoratorContext): void;
}

/** A decorator of methods. */
interface MethodDecorator {
  (method: (...args: never) => unknown, context: ClassMethodDecoratorContext): void;
  (target: object, name: PropertyKey, descriptor: PropertyDescriptor): void;
}

/** What Inversify's own decorators of members are called with. */
type LegacyDecorator = (target: object, name: never, rest: never) => void;

/** Waits in the notes of a class for the class itself. */
type Pending = ((type: Function) => void)[];

const key: NoteKey<Pending> = Symbol.for('espalier.injections');

/**
 * Has a decorator of Inversify's work in both dialects. The standard one calls it before the class is there: what it does waits for
 * `settleInjections`. `refuse` throws for what it is not for.
 */
function inBoth(
  decorator: string,
  apply: LegacyDecorator,
  standing: (context: StandardContext, place: Place) => {readonly notes: object; readonly name: PropertyKey},
  refuse: (target: object, name: PropertyKey, place: Place) => unknown = () => undefined,
) {
  const place = new Place();
  return (target: unknown, context?: unknown, rest?: unknown): void =>
    void decorating(decorator, () => {
      if (isStandard(context)) {
        const {notes, name} = standing(context, place);
        noteIn(key, {notes}, () => []).push(type => apply(type.prototype as object, name as never, rest as never));
        return;
      }
      refuse(target as object, context as PropertyKey, place);
      apply(target as object, context as never, rest as never);
    });
}

/** One of fields and constructor parameters. `given` is what it was called with: a token, which may be a class, says nothing alone. */
function ofFields(written: string, given: readonly unknown[], apply: LegacyDecorator): InjectDecorator {
  const isToken = given.length === 1 && typeof given[0] === 'function';
  if (!isToken) decorating(written, () => refuseBareCall(written, given));
  const decorator = `${written.split('(')[0]}()`;
  return inBoth(decorator, apply, (context, place) => onField(decorator, context, place));
}

function ofMethods(decorator: string, given: readonly unknown[], apply: LegacyDecorator): MethodDecorator {
  decorating(decorator, () => refuseBareCall(decorator, given));
  const standing = (context: StandardContext, place: Place) => onMethod(decorator, () => undefined, context, place);
  return inBoth(decorator, apply, standing, (target, name, place) => onMethod(decorator, target, name, place));
}

/** Tell the container what the members of a class, and of those it extends, have asked for in the standard dialect. Doing it twice is once. */
export function settleInjections(type: Function, context?: unknown): void {
  const pending = isStandard(context)
    ? noteIn(key, onClass('@injectable()', type, context), () => [])
    : noteOn(key, type);
  for (const settle of pending?.splice(0) ?? []) settle(type);
  const base = Object.getPrototypeOf(type) as Function | null;
  if (base && base !== Function.prototype) settleInjections(base);
}

/**
 * Has the container give a constructor parameter, or a property, what is bound to `token`. Throws
 * `DEPENDENCY_UNDEFINED` at once for a token that is not there, as when two modules import each other.
 *
 * Without TypeScript's `experimentalDecorators` it stands on fields alone: a constructor asks by `use(token)` then.
 */
export function inject(token: ServiceIdentifier, ...rest: never[]): InjectDecorator {
  return ofFields('@inject(Token)', [token, ...rest], asking(token, inversify.inject));
}

/** As `inject`, for all that is bound to `token`, in an array; none is an empty one. */
export function multiInject(token: ServiceIdentifier, ...rest: never[]): InjectDecorator {
  return ofFields('@multiInject(Token)', [token, ...rest], asking(token, inversify.multiInject));
}

function asking(token: ServiceIdentifier, by: typeof inversify.inject | typeof inversify.multiInject): LegacyDecorator {
  return (target, name: PropertyKey | undefined, index: number | undefined) => {
    if (token === undefined) throw undefinedToken(target, name, index);
    by(token)(target, name as string, index as number);
  };
}

/** With `inject`: of what is bound to the token, that which has this name. */
export function named(name: string | number | symbol, ...rest: never[]): InjectDecorator {
  return ofFields("@named('name')", [name, ...rest], (target, member, index) =>
    inversify.named(name)(target, member, index),
  );
}

/** With `inject`: nothing need be bound to the token; then it is `undefined`. */
export function optional(...rest: never[]): InjectDecorator {
  return ofFields('@optional()', rest, inversify.optional());
}

/** The method is called when the container has made the instance and given it its properties. It must not be asynchronous. */
export function postConstruct(...rest: never[]): MethodDecorator {
  return ofMethods('@postConstruct()', rest, inversify.postConstruct());
}

/** The method is called, and awaited, when the site has closed: before those of what the class depends on. */
export function preDestroy(...rest: never[]): MethodDecorator {
  return ofMethods('@preDestroy()', rest, inversify.preDestroy());
}

/** Marks a class as one that the container can make: a service, or middleware. A resource has `@Resource()` in its place. */
export function injectable(
  ...args: Parameters<typeof inversify.injectable>
): (target: Function, context?: ClassDecoratorContext) => void {
  decorating('@injectable()', () => refuseBareCall('@injectable()', args));
  return (target, context) =>
    void decorating(`@injectable() of ${target?.name}`, () => {
      onClass('@injectable()', target, context);
      inversify.injectable(...args)(target);
      settleInjections(target, context);
    });
}

function undefinedToken(target: object, name: PropertyKey | undefined, index: number | undefined): EspalierError {
  const owner = typeof target === 'function' ? target.name : target.constructor.name;
  const place = index === undefined ? `property ${String(name)}` : `constructor parameter ${index + 1}`;
  return new EspalierError(
    'DEPENDENCY_UNDEFINED',
    `${owner}: the token to inject at ${place} is undefined. If its module imports this one in a circle, move the token to a module of its own.`,
  );
}

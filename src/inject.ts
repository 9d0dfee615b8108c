import * as inversify from 'inversify';
import type {ServiceIdentifier} from 'inversify';
import {decorating, isStandard, noteIn, noteOn, onClass, onMember, refuseBareCall, type NoteKey} from './decorator.ts';
import {EspalierError} from './errors.ts';

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
 * `settleInjections`.
 */
function inBoth(decorator: string, apply: LegacyDecorator) {
  return (target: unknown, context?: unknown, rest?: unknown): void =>
    void decorating(decorator, () => {
      if (!isStandard(context)) return apply(target as object, context as never, rest as never);
      const member = onMember(decorator, context);
      noteIn(key, member, () => []).push(type => apply(type.prototype as object, member.name as never, rest as never));
    });
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
  // A token may be a class: alone it says nothing.
  if (rest.length > 0) decorating('@inject', () => refuseBareCall('@inject(Token)', [token, ...rest]));
  return inBoth('@inject()', (target, name: PropertyKey | undefined, index: number | undefined) => {
    if (token === undefined) throw undefinedToken(target, name, index);
    inversify.inject(token)(target, name as string, index as number);
  });
}

/** As `inject`, for all that is bound to `token`, in an array; none is an empty one. */
export function multiInject(token: ServiceIdentifier): InjectDecorator {
  return inBoth('@multiInject()', inversify.multiInject(token));
}

/** With `inject`: of what is bound to the token, that which has this name. */
export function named(name: string | number | symbol): InjectDecorator {
  return inBoth('@named()', inversify.named(name));
}

/** With `inject`: nothing need be bound to the token; then it is `undefined`. */
export function optional(): InjectDecorator {
  return inBoth('@optional()', inversify.optional());
}

/** The method is called when the container has made the instance and given it its properties. It must not be asynchronous. */
export function postConstruct(): MethodDecorator {
  return inBoth('@postConstruct()', inversify.postConstruct());
}

/** The method is called, and awaited, when the site has closed: before those of what the class depends on. */
export function preDestroy(): MethodDecorator {
  return inBoth('@preDestroy()', inversify.preDestroy());
}

/** Marks a class as one that the container can make: a service, or middleware. A resource has `@Resource()` in its place. */
export function injectable(
  ...args: Parameters<typeof inversify.injectable>
): (target: Function, context?: ClassDecoratorContext) => void {
  return (target, context) =>
    void decorating(`@injectable() of ${target.name}`, () => {
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

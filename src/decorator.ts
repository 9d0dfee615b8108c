import {EspalierError} from './errors.ts';
import {asOneLine} from './one-line.ts';

/**
 * Do what a decorator does. What it refuses is one line where the program does not catch it, as from `serve`, with exit code 1: the
 * stack would show how modules are loaded, and the message names the class.
 */
export function decorating<T>(decorator: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw asOneLine(error instanceof EspalierError ? error : misplaced(decorator, error));
  }
}

/** Of the container's errors the first line says it all. */
function misplaced(decorator: string, cause: unknown): EspalierError {
  const [reason] = (cause as Error).message.split('\n');
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} can't stand there: ${reason}`, {cause});
}

/**
 * The class that a decorated method belongs to. Throws `DECORATOR_MISPLACED` for a static method, for what is no method, and where
 * the compiler calls decorators the TC39 way, which has no parameter decorators and so no `@inject` in a constructor.
 */
export function classOf(target: object | Function, decorator: string, context: unknown): Function {
  refuseStandardCall(decorator, context);
  const name = context as PropertyKey;
  if (typeof target === 'function') throw onStatic(decorator, target, name);
  const member = Object.getOwnPropertyDescriptor(target, name);
  if (member && typeof member.value !== 'function') throw onAccessor(decorator, target.constructor, name);
  return target.constructor;
}

function onStatic(decorator: string, owner: Function, name: PropertyKey): EspalierError {
  const place = `the static method ${owner.name}.${String(name)}`;
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} stands on ${place}. Put it on an instance method.`);
}

function onAccessor(decorator: string, owner: Function, name: PropertyKey): EspalierError {
  const place = `${owner.name}.${String(name)}, which is no method`;
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} stands on ${place}. Put it on a method.`);
}

/**
 * What stands in the compiler's message where it would call a decorator the TC39 way. No context is of this type, nor is anything
 * else that is passed there.
 */
export type SetExperimentalDecorators = 'Set "experimentalDecorators": true in tsconfig.json.';

/** Throws `DECORATOR_MISPLACED` where a decorator was called with a TC39 context. */
export function refuseStandardCall(decorator: string, context: unknown): void {
  if (!isStandardContext(context)) return;
  throw new EspalierError(
    'DECORATOR_MISPLACED',
    `${decorator} was called as a TC39 decorator. Set "experimentalDecorators": true in tsconfig.json.`,
  );
}

function isStandardContext(context: unknown): boolean {
  return typeof context === 'object' && context !== null && 'kind' in context;
}

/**
 * Throws `DECORATOR_MISPLACED` where a decorator without its parentheses was given what it decorates, in either dialect. `written`
 * is how to write it.
 */
export function refuseBareCall(written: string, [target, context]: readonly unknown[]): void {
  const isOnClass = typeof target === 'function' && Object.hasOwn(target, 'prototype') && context === undefined;
  const isOnMember = Object(target) === target && (typeof context === 'string' || typeof context === 'symbol');
  if (!isOnClass && !isOnMember && !isStandardContext(context)) return;
  const [decorator] = written.split('(');
  throw new EspalierError('DECORATOR_MISPLACED', `${decorator} has no parentheses. Write ${written}.`);
}

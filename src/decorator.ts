import {EspalierError} from './errors.ts';

/**
 * The class that a decorated method belongs to. Throws `DECORATOR_MISPLACED` for a static method, and where the compiler
 * calls decorators the TC39 way, which has no parameter decorators and so no `@inject` in a constructor.
 */
export function classOf(target: object | Function, decorator: string, context: unknown): Function {
  refuseStandardCall(decorator, context);
  if (typeof target !== 'function') return target.constructor;
  throw new EspalierError(
    'DECORATOR_MISPLACED',
    `${decorator} stands on the static method ${target.name}.${String(context)}. Put it on an instance method.`,
  );
}

/** Throws `DECORATOR_MISPLACED` where a decorator was called with a TC39 context. */
export function refuseStandardCall(decorator: string, context: unknown): void {
  if (typeof context !== 'object' || context === null || !('kind' in context)) return;
  throw new EspalierError(
    'DECORATOR_MISPLACED',
    `${decorator} was called as a TC39 decorator. Set "experimentalDecorators": true in tsconfig.json.`,
  );
}

/** The error for a decorator that is written without its parentheses. */
export function withoutParentheses(decorator: string): EspalierError {
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} has no parentheses. Write ${decorator}().`);
}

import type {Container, ServiceIdentifier} from 'inversify';
import {EspalierError} from './errors.ts';
import type {ServiceToken} from './service-token.ts';

/** What is being made now: in which container, how one got there, and what was asked for by `use()` on the way. */
interface Making {
  readonly container: Container;
  readonly trail: string;
  readonly asked: readonly ServiceIdentifier[];
}

let now: Making | undefined;

/** While `act` makes something, `use()` asks this container. `trail` says how one got there, for errors. */
export function makingIn<T>(container: Container, trail: string, act: () => T): T {
  return during({container, trail, asked: []}, act);
}

function during<T>(making: Making, act: () => T): T {
  const before = now;
  now = making;
  try {
    return act();
  } finally {
    now = before;
  }
}

/**
 * What is bound to a token, for the default of a constructor parameter or of a field: `constructor(private readonly sessions =
 * use(SessionService)) {}`. It works with either kind of decorators, and a test may hand over another value: `new Page(double)`.
 *
 * It works while a site makes its resources, middleware and services: elsewhere, as in a class that a `@Child` method makes, it
 * throws `DEPENDENCY_OUTSIDE`. Throws `DEPENDENCY_MISSING` where nothing is bound, `DEPENDENCY_UNDEFINED` for a token that is not
 * there, and `DEPENDENCY_CYCLE` where what is asked for asks for itself, each with the way there.
 */
export function use<T>(token: ServiceToken<T> | ServiceIdentifier<T>): T {
  if (!now) throw outside(token);
  const {container, trail, asked} = now;
  const way = [trail, ...asked.map(nameOfToken)].join(' → ');
  if (token === undefined) throw new EspalierError('DEPENDENCY_UNDEFINED', `${way}: ${undefinedReason}`);
  const whole = `${way} → ${nameOfToken(token)}`;
  if (asked.includes(token)) throw new EspalierError('DEPENDENCY_CYCLE', `${whole}: ${cycleReason}`);
  if (!container.isBound(token)) throw new EspalierError('DEPENDENCY_MISSING', `${whole}: ${missingReason(token)}`);
  return during({container, trail, asked: [...asked, token]}, () => container.get(token));
}

function outside(token: ServiceIdentifier): EspalierError {
  const wayOut =
    'It works while a site makes its resources and services. Hand the value over yourself: new Page(theService).';
  return new EspalierError(
    'DEPENDENCY_OUTSIDE',
    `use(${nameOfToken(token)}) was called when no site is made. ${wayOut}`,
  );
}

export const undefinedReason =
  'a token to inject is undefined. If its module imports this one in a circle, move the token to a module of its own.';
export const cycleReason =
  'this depends on itself. Take one of these dependencies out, or look it up when it is needed.';
export const missingReason = (token: ServiceIdentifier) =>
  `nothing is bound to ${nameOfToken(token)}. Bind it in a module or container given to createSite().`;

/** What errors call a token. */
export function nameOfToken(token: ServiceIdentifier | undefined): string {
  if (typeof token === 'function') return token.name;
  return typeof token === 'symbol' ? (token.description ?? 'a symbol') : String(token);
}

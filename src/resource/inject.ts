import {inject as injectToken, type ServiceIdentifier} from 'inversify';
import {decorating, refuseBareCall, type SetExperimentalDecorators} from '../decorator.ts';
import {EspalierError} from '../errors.ts';

interface InjectDecorator {
  (target: object, name: PropertyKey | undefined, index?: number): void;
  (field: undefined, context: SetExperimentalDecorators): void;
}

/**
 * Has the container give a constructor parameter, or a property, what is bound to `token`. Throws
 * `DEPENDENCY_UNDEFINED` at once for a token that is not there, as when two modules import each other.
 */
export function inject(token: ServiceIdentifier, ...rest: never[]): InjectDecorator {
  // A token may be a class: alone it says nothing.
  if (rest.length > 0) decorating('@inject', () => refuseBareCall('@inject(Token)', [token, ...rest]));
  const decorator = (target: object, name: PropertyKey | undefined, index?: number) =>
    decorating('@inject()', () => {
      if (token === undefined) throw undefinedToken(target, name, index);
      injectToken(token)(target, name as string, index as number);
    });
  return decorator as InjectDecorator;
}

function undefinedToken(target: object, name: PropertyKey | undefined, index: number | undefined): EspalierError {
  const owner = typeof target === 'function' ? target.name : target.constructor.name;
  const place = index === undefined ? `property ${String(name)}` : `constructor parameter ${index + 1}`;
  return new EspalierError(
    'DEPENDENCY_UNDEFINED',
    `${owner}: the token to inject at ${place} is undefined. If its module imports this one in a circle, move the token to a module of its own.`,
  );
}

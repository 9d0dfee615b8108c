import {ignore, isPromised} from '../awaitable.ts';
import {describe, EspalierError} from '../errors.ts';
import type {ComponentDeclaration, Fields} from './component.ts';

/** Hold fields against the component's schema, if it has one. Throws `COMPONENT_INVALID`, naming the places it refuses. */
export function checkFields(component: ComponentDeclaration, fields: Fields, act: 'loaded' | 'stored'): void {
  const result = component.schema && validated(component.schema, fields);
  if (!result) return;
  const refuse = (why: string) => {
    throw new EspalierError('COMPONENT_INVALID', `The component ${component.name} can't be ${act}: its schema ${why}.`);
  };
  if ('failure' in result) return refuse(`fails with ${describe(result.failure)}`);
  if (isPromised(result)) {
    ignore(result);
    return refuse('answers asynchronously. Take one that answers at once');
  }
  if (result.issues) refuse(`refuses ${placesOf(result.issues, fields)}`);
}

type Schema = NonNullable<ComponentDeclaration['schema']>;
type Validated = ReturnType<Schema['~standard']['validate']>;
type Issues = NonNullable<Awaited<Validated>['issues']>;

function validated(schema: Schema, fields: Fields): Validated | {readonly failure: unknown} {
  try {
    return schema['~standard'].validate(fields);
  } catch (failure) {
    return {failure};
  }
}

// The places alone: what validators say of a value may repeat it.
function placesOf(issues: Issues, fields: Fields): string {
  const places = [...new Set(issues.map(({path = []}) => issuePlace(path, fields) || 'the whole'))];
  return places.length > 5 ? `${places.slice(0, 5).join(', ')} and more` : places.join(', ');
}

function issuePlace(path: NonNullable<Issues[number]['path']>, fields: Fields): string {
  let holder: unknown = fields;
  let place = '';
  for (const step of path) {
    // The keys of a map are values.
    if (holder instanceof Map || holder instanceof Set) return `${place}.…`;
    const name = typeof step === 'object' ? step.key : step;
    place += `${place && '.'}${String(name)}`;
    holder = Object(holder)[name] as unknown;
  }
  return place.slice(0, 200);
}

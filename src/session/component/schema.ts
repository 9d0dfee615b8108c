import type {StandardSchemaV1} from '@standard-schema/spec';
import {isPromised} from '../../awaitable.ts';
import {describe, EspalierError} from '../../errors.ts';
import {stepsOf, verdictOf} from '../../schema.ts';
import type {ComponentDeclaration, Fields} from './component.ts';

/** Hold fields against the component's schema, if it has one. Throws `COMPONENT_INVALID`, naming the places it refuses. */
export function checkFields({name, schema}: ComponentDeclaration, fields: Fields, act: 'loaded' | 'stored'): void {
  if (!schema) return;
  const verdict = verdictOf(schema, fields);
  const refuse = (why: string) => {
    throw new EspalierError('COMPONENT_INVALID', `The component ${name} can't be ${act}: its schema ${why}.`);
  };
  if (isPromised(verdict)) return refuse('answers asynchronously. Take one that answers at once');
  if ('failure' in verdict) return refuse(`fails with ${describe(verdict.failure)}`);
  if ('issues' in verdict) refuse(`refuses ${placesOf(verdict.issues, fields)}`);
}

// The places alone: what validators say of a value may repeat it.
function placesOf(issues: readonly StandardSchemaV1.Issue[], fields: Fields): string {
  const places = [...new Set(issues.map(issue => issuePlace(stepsOf(issue), fields) || 'the whole'))];
  return places.length > 5 ? `${places.slice(0, 5).join(', ')} and more` : places.join(', ');
}

function issuePlace(steps: readonly PropertyKey[], fields: Fields): string {
  let holder: unknown = fields;
  let place = '';
  for (const name of steps) {
    // The keys of a map are values.
    if (holder instanceof Map || holder instanceof Set) return `${place}.…`;
    place += `${place && '.'}${String(name)}`;
    holder = (Object(holder) as Record<PropertyKey, unknown>)[name];
  }
  return place.slice(0, 200);
}

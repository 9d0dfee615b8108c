import type {StandardSchemaV1} from '@standard-schema/spec';
import {proceed, recovered, type Awaitable} from './awaitable.ts';

type Issue = StandardSchemaV1.Issue;

/** What a schema says of a value: what it makes of it, what it refuses, or that the schema itself fails. */
export type Verdict = {readonly value: unknown} | {readonly issues: readonly Issue[]} | {readonly failure: unknown};

/** What options say of a value that has to be a schema, after "It must be". */
export const wantedSchema = 'a schema that keeps the Standard Schema specification';

/** Whether a value is a schema. Those of some validators are functions. */
export function isSchema(value: unknown): value is StandardSchemaV1 {
  return '~standard' in Object(value);
}

/** Hold a value against a schema. Never throws nor rejects. */
export function verdictOf(schema: StandardSchemaV1, value: unknown): Awaitable<Verdict> {
  return recovered<Verdict>(
    () =>
      proceed(schema['~standard'].validate(value), result =>
        result.issues ? {issues: result.issues} : {value: result.value},
      ),
    failure => ({failure}),
  );
}

/** The names that lead to what an issue is about. */
export function stepsOf({path = []}: Issue): readonly PropertyKey[] {
  return [...path].map(step => (typeof step === 'object' ? step.key : step));
}

/** Names that lead to a place, as a JSON Pointer (RFC 6901). */
export function pointerTo(steps: readonly PropertyKey[]): string {
  return steps.map(step => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

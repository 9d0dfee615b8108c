import type {StandardSchemaV1} from '@standard-schema/spec';
import createError from 'http-errors';
import {isPromised, proceed, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import {pointerTo, stepsOf, verdictOf} from '../schema.ts';

/** What a request brings. */
interface InputSchemas {
  /** What the captured segments have to be, texts by name. Where they do not fit the answer is a 404. */
  readonly params?: StandardSchemaV1;
  /** What the query has to be, texts by name; a name that comes more than once has an array. Otherwise the answer is a 400. */
  readonly query?: StandardSchemaV1;
  /** What the headers have to be, by lower-case name, as Node gives them. Otherwise the answer is a 400. */
  readonly headers?: StandardSchemaV1;
  /**
   * What the body has to be: what JSON says, or the fields of a form by name. A field that comes more than once has an array, a
   * file is a `File`. Without a body it is `undefined`. Where it does not fit the answer is a 422.
   */
  readonly body?: StandardSchemaV1;
}

type Part = keyof InputSchemas;

/** What a method takes, and what it answers: the options of `@Get` and its like. A schema is any that keeps Standard Schema. */
export interface HandlerOptions extends InputSchemas {
  /** The status of the answer, where the method sets none. Default: 200, or 204 without a body. */
  readonly status?: number;
  /**
   * What the method returns. The compiler holds it to that, and so does `testSite`; a site does not look. Html, a WHATWG
   * `Response`, and nothing beside something else, may be returned too.
   */
  readonly result?: StandardSchemaV1;
}

/** The input of a method with these options: what its schemas make of the request. */
// A condition, so that the compiler's messages show what it has, and not its name with all that makes the schemas.
export type InputOf<T extends HandlerOptions> = T extends infer O
  ? {readonly [P in Part & keyof O]: O[P] extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<O[P]> : never}
  : never;

/** Whether a method has declared input, and is called with it. */
export type HasInput<T extends HandlerOptions> = [Part & keyof T] extends [never] ? false : true;

/** Refuses options that may lack a part of the input: nobody could tell with what the method is called. */
export type Surely<T extends HandlerOptions> = {
  readonly [P in Part & keyof T as undefined extends T[P] ? P : never]: MayBeMissing;
};

/** What stands in the compiler's message. */
export interface MayBeMissing {
  readonly 'a part of the input is declared, or not: here it may be missing': never;
}

/** The method's input, by part. */
type Input = Partial<Record<Part, unknown>>;

/** Something in a request that does not fit its schema, as the answer tells it in `errors`. */
export interface Misfit {
  /** In which part of the request. */
  readonly in: 'params' | 'query' | 'headers' | 'body';
  /** Where in that part: a JSON Pointer (RFC 6901), empty for the whole. */
  readonly pointer: string;
  /** What the schema says of it. */
  readonly detail: string;
}

/** What is looked at together, as it has one status. What comes first decides: a body is read last. */
const steps: readonly {status: number; parts: readonly Part[]}[] = [
  {status: 404, parts: ['params']},
  {status: 400, parts: ['query', 'headers']},
  {status: 422, parts: ['body']},
];

const parts = steps.flatMap(step => step.parts);

/** The most misfits that an answer tells of: a body can have many thousands. */
const toldLimit = 100;

const raw: Record<Part, (request: Request) => Awaitable<unknown>> = {
  params: request => request.params,
  query: request => byName(request.query),
  headers: request => request.headers,
  body: request => proceed(request.content(), content => (content instanceof FormData ? byName(content) : content)),
};

/** A function that reads what these options declare as input; nothing where they declare none. `method` is for errors. */
export function inputReader(
  options: HandlerOptions,
  method: string,
): ((request: Request) => Awaitable<unknown>) | undefined {
  return parts.some(part => options[part]) ? request => new Reading(options, method, request).go() : undefined;
}

/** The input of one request, while it is read. */
class Reading {
  readonly #schemas: InputSchemas;
  readonly #method: string;
  readonly #request: Request;
  readonly #input: Input = {};

  constructor(schemas: InputSchemas, method: string, request: Request) {
    this.#schemas = schemas;
    this.#method = method;
    this.#request = request;
  }

  /** Read all that is declared. Throws, or rejects with, the error for what does not fit, or can't be read. */
  go(at = 0): Awaitable<Input> {
    const step = steps[at];
    if (!step) return this.#input;
    const declared = step.parts.filter(part => this.#schemas[part]);
    return proceed(together(declared.map(part => this.#read(part))), misfits => {
      if (misfits.some(some => some.length > 0)) throw refusal(step.status, misfits.flat());
      return this.go(at + 1);
    });
  }

  #read(part: Part): Awaitable<readonly Misfit[]> {
    return proceed(raw[part](this.#request), value => this.#check(part, value));
  }

  #check(part: Part, value: unknown): Awaitable<readonly Misfit[]> {
    return proceed(verdictOf(this.#schemas[part]!, value), verdict => {
      if ('failure' in verdict) throw failed(this.#method, part, verdict.failure);
      if ('issues' in verdict) return this.#misfits(part, verdict.issues);
      this.#input[part] = verdict.value;
      return [];
    });
  }

  /** What a schema says no to: that it says why is not sure. */
  #misfits(part: Part, issues: readonly StandardSchemaV1.Issue[]): readonly Misfit[] {
    if (issues.length === 0) return [{in: part, pointer: '', detail: 'It does not fit.'}];
    try {
      return issues
        .slice(0, toldLimit)
        .map(issue => ({in: part, pointer: pointerTo(stepsOf(issue)), detail: textIn(issue)}));
    } catch (cause) {
      throw failed(this.#method, part, cause);
    }
  }
}

function textIn({message}: StandardSchemaV1.Issue): string {
  if (typeof message === 'string') return message;
  throw new TypeError('An issue of a schema has no text.');
}

/** All of them, at once where all are there. */
function together<T>(values: Awaitable<T>[]): Awaitable<T[]> {
  if (values.length === 1) return proceed(values[0]!, value => [value]);
  return values.some(value => isPromised(value)) ? Promise.all(values) : (values as T[]);
}

/** Values by name: one that comes more than once has an array. No name is taken for one that objects have. */
function byName<T>(pairs: Iterable<[string, T]>): Record<string, T | T[]> {
  const values = Object.create(null) as Record<string, T | T[]>;
  for (const [name, value] of pairs) {
    const before = values[name];
    if (Array.isArray(before)) before.push(value);
    else values[name] = before === undefined ? value : [before, value];
  }
  return values;
}

function refusal(status: number, misfits: readonly Misfit[]): Error {
  const names = [...new Set(misfits.map(misfit => misfit.in))];
  const verb = names.length > 1 || names[0] === 'headers' ? 'are' : 'is';
  const detail =
    status === 404 ? 'There is nothing at this path.' : `The ${names.join(' and the ')} ${verb} not as expected.`;
  return createError(status, detail, {errors: misfits.slice(0, toldLimit)});
}

function failed(method: string, part: Part, cause: unknown): EspalierError {
  return new EspalierError('SCHEMA_FAILED', `${method}: the schema of its ${part} failed.`, {cause});
}

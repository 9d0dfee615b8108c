import {Readable} from 'node:stream';
import type {StandardSchemaV1} from '@standard-schema/spec';
import {bodyTypes} from '../http/body.ts';
import {STATUS_CODES} from '../http/node-http.ts';
import {isPromised} from '../awaitable.ts';
import {segmentOf} from '../http/path.ts';
import type {ResourceClass, Verb} from '../resource/declarations.ts';
import type {HandlerOptions} from '../resource/input.ts';
import type {MiddlewareAnswer, MiddlewareClass, SecurityScheme} from '../resource/middleware.ts';
import {hostsIn, type HandlerView, type ResourceView} from '../resource/tree-view.ts';
import {verdictOf} from '../schema.ts';
import {Names, Schemas, type Converted, type JsonSchema} from './open-api-schemas.ts';

/** Something that a request has in its path, its query or its headers. */
export interface OpenApiParameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly description?: string;
  readonly schema: JsonSchema;
}

/** What a body or an answer holds, by its type. */
type Content = Readonly<Record<string, {readonly schema?: JsonSchema}>>;

/** An answer, or where it stands among the components. */
export type OpenApiResponse =
  | {
      readonly description: string;
      readonly headers?: Readonly<Record<string, {readonly description?: string; readonly schema: JsonSchema}>>;
      readonly content?: Content;
    }
  | {readonly $ref: string};

/** An operation of the document: what one method of a resource answers. */
export interface OpenApiOperation {
  readonly operationId: string;
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly deprecated?: boolean;
  readonly parameters?: readonly OpenApiParameter[];
  readonly requestBody?: {readonly description?: string; readonly required?: boolean; readonly content: Content};
  readonly responses: Readonly<Record<string, OpenApiResponse>>;
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  /** Where it is served, where that is another host than the others'. */
  readonly servers?: readonly OpenApiServer[];
  readonly [extension: `x-${string}`]: unknown;
}

/** The operations of a path by method, in small letters. */
export type PathItem = Readonly<Record<string, OpenApiOperation>>;

/** The document of a site, or of a branch of it. */
export interface OpenApiDocument {
  readonly openapi: '3.1.1';
  readonly info: OpenApiInfo;
  readonly servers?: readonly OpenApiServer[];
  readonly tags: readonly {readonly name: string}[];
  readonly paths: Readonly<Record<string, PathItem>>;
  readonly components: Readonly<Record<'schemas' | 'responses' | 'securitySchemes', Readonly<Record<string, unknown>>>>;
}

/** What the document is of. */
export interface OpenApiInfo {
  readonly title: string;
  readonly version: string;
  readonly [member: string]: unknown;
}

/** Where it is served. */
export interface OpenApiServer {
  readonly url: string;
  readonly [member: string]: unknown;
}

/** What `describe` of `openApi` is: it changes an operation, or leaves it out. */
export type Describe = (
  operation: OpenApiOperation,
  handler: HandlerView,
  resource: ResourceView,
) => OpenApiOperation | undefined;

/** What a document is made of. */
export interface Subject {
  /** The root of the site. */
  readonly root: ResourceView;
  /** The class whose parent is described, with all below. Nothing describes all. */
  readonly docs: ResourceClass | undefined;
  /** Whether a resource is one that shows documents, and is left out. */
  readonly isDocs: (resource: ResourceClass) => boolean;
  readonly info: OpenApiInfo;
  /** The name of the cookie that has the session. */
  readonly cookie: string;
  readonly describe: Describe | undefined;
  /** The host whose resources are described, where there are several. Nothing describes all. */
  readonly host: string | undefined;
}

/** A document, and what could not be said in it. */
export interface Written {
  readonly document: OpenApiDocument;
  readonly warnings: readonly string[];
}

/** The way to a resource. */
interface Way {
  readonly middleware: readonly MiddlewareClass[];
  /** Whether a method on it may find nothing. */
  readonly isFound: boolean;
  /** Whether it is in the branch that is described. */
  readonly isInside: boolean;
  /** The host of what is described. */
  readonly host: string | undefined;
}

const problem: JsonSchema = {
  type: 'object',
  description: 'What went wrong (RFC 9457).',
  properties: {
    type: {type: 'string'},
    title: {type: 'string'},
    status: {type: 'integer'},
    detail: {type: 'string'},
    instance: {type: 'string', description: 'Names this failure in the log of the server.'},
    code: {type: 'string', description: 'Names the kind of the failure.'},
    errors: {
      type: 'array',
      description: 'What does not fit.',
      items: {
        type: 'object',
        properties: {
          in: {type: 'string', enum: ['params', 'query', 'headers', 'body']},
          pointer: {type: 'string', description: 'Where in that part: a JSON Pointer (RFC 6901).'},
          detail: {type: 'string'},
        },
        required: ['in', 'pointer', 'detail'],
      },
    },
  },
  required: ['type', 'title', 'status'],
};

/** Parameters by these names are passed over (OpenAPI 3.1, section 4.8.12.1): they are told otherwise. */
const toldOtherwise: ReadonlySet<string> = new Set(['accept', 'content-type', 'authorization']);

/** The parts of the input that are parameters. */
const places = {params: 'path', query: 'query', headers: 'header'} as const;

/** Write the document. */
export function documentOf(subject: Subject): Written {
  return new Writing(subject).go();
}

class Writing {
  readonly #subject: Subject;
  readonly #schemas = new Schemas();
  readonly #problem = this.#schemas.add('Problem', problem);
  readonly #names = new Names();
  readonly #schemeNames = new Names();
  readonly #schemes: Record<string, SecurityScheme> = {};
  readonly #responses: Record<string, OpenApiResponse> = {};
  readonly #responseNames = new Names();
  readonly #paths: Record<string, Record<string, OpenApiOperation>> = {};
  readonly #hostOf = new WeakMap<OpenApiOperation, string | undefined>();
  readonly #warnings: string[] = [];

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  go(): Written {
    this.#visit(this.#subject.root, {middleware: [], isFound: false, isInside: !this.#subject.docs, host: undefined});
    const operations = Object.values(this.#paths).flatMap(item => Object.values(item));
    const tags = new Set(operations.flatMap(operation => operation.tags ?? []));
    const document: OpenApiDocument = {
      openapi: '3.1.1',
      info: this.#subject.info,
      tags: [...tags].map(name => ({name})),
      paths: this.#paths,
      components: {
        schemas: this.#schemas.components,
        responses: this.#responses,
        securitySchemes: this.#schemes,
      },
    };
    return {document, warnings: this.#warnings};
  }

  #visit(resource: ResourceView, above: Way): void {
    const {docs, isDocs, host} = this.#subject;
    if (isDocs(resource.type)) return;
    const isAtDocs = resource.children.some(({type}) => type === docs);
    const way: Way = {
      middleware: [...above.middleware, ...resource.middleware.map(({type}) => type)],
      isFound: above.isFound || resource.madeBy !== undefined,
      isInside: above.isInside || isAtDocs,
      host: isAtDocs ? resource.host : above.host,
    };
    if (way.isInside) for (const handler of resource.handlers) this.#write(handler, resource, way);
    const hosts = host === undefined ? undefined : hostsIn(resource);
    for (const child of hosts ? [hosts.find(host)] : resource.children) if (child) this.#visit(child, way);
  }

  #write(handler: HandlerView, resource: ResourceView, way: Way): void {
    if (handler.verb === 'HEAD' || handler.verb === 'OPTIONS' || handler.verb === '*') return;
    const {path, names} = pathOf(resource.pattern);
    const made = this.#operation(handler, resource, names, way);
    const {describe} = this.#subject;
    const operation = describe ? describe(made, handler, resource) : made;
    if (operation) this.#put(path, handler.verb, resource, operation);
  }

  /** OpenAPI has one operation of each method and path. */
  #put(path: string, verb: Verb, {host}: ResourceView, operation: OpenApiOperation): void {
    const item = (this.#paths[path] ??= {});
    const known = item[keyOf(verb)];
    if (!known) {
      item[keyOf(verb)] = operation;
      this.#hostOf.set(operation, host);
      return;
    }
    const both = [this.#hostOf.get(known), host].map(each => each ?? 'any').join(' and for ');
    const wayOut = `A document has room for one, so this one has the first. openApi({host: ${JSON.stringify(host)}}) describes the other.`;
    this.#warnings.push(`OpenAPI: ${verb} ${path} is declared for ${both}. ${wayOut}`);
  }

  #operation(handler: HandlerView, resource: ResourceView, names: readonly string[], way: Way): OpenApiOperation {
    const [owner = '', method = ''] = handler.method.replace(/\(\)$/, '').split(/\.(.*)/s);
    const operationId = this.#names.nameOf(`${owner}_${method}`, `${handler.verb} ${resource.pattern}`);
    const convert = (part: keyof HandlerOptions & ('params' | 'query' | 'headers' | 'body' | 'result')) =>
      this.#convert(handler, part, resource, operationId);
    const middleware = [...way.middleware, ...handler.middleware.map(({type}) => type)];
    const security = this.#security(middleware);
    const parameters = this.#parameters(names, convert, part => this.#warn(handler, resource, part, namesOfTheirOwn));
    const body = convert('body');
    return {
      operationId,
      tags: [resource.name],
      ...(parameters.length > 0 && {parameters}),
      ...(body && {requestBody: this.#requestBody(body, handler.options.body!)}),
      responses: {
        ...(isSentAsItIs(handler.options.result)
          ? answerOfBytes(handler.options)
          : this.#answer(handler.options, convert('result'))),
        ...this.#others([
          ...statusesOf(handler, way.isFound, security.length > 0).map(status => ({status})),
          ...answersOf(middleware, handler.verb),
        ]),
      },
      ...(security.length > 0 && {security}),
      ...(resource.host !== way.host && serversOf(resource.host)),
    };
  }

  /** What a schema takes, where there is one. What can't be said is left open, and told. */
  #convert(
    handler: HandlerView,
    part: 'params' | 'query' | 'headers' | 'body' | 'result',
    resource: ResourceView,
    operationId: string,
  ): Converted | undefined {
    const schema = handler.options[part];
    if (!schema) return undefined;
    try {
      const converted = this.#schemas.convert(schema, `${operationId}_${part}`);
      for (const field of converted.open) {
        this.#warn(handler, resource, part, field && `JSON Schema has no words for its field "${field}".`);
      }
      return converted;
    } catch (error) {
      this.#warn(handler, resource, part, (error as Error).message);
      return {schema: {}, open: [], hasFiles: false};
    }
  }

  #warn({verb, method}: HandlerView, {pattern}: ResourceView, part: string, reason: string): void {
    const why = reason || 'JSON Schema has no words for it.';
    this.#warnings.push(`OpenAPI: the ${part} of ${method}, ${verb} ${pattern}, can't be told in full: ${why}`);
  }

  #parameters(
    captures: readonly string[],
    convert: (part: keyof typeof places) => Converted | undefined,
    onOpen: (part: keyof typeof places) => void,
  ): OpenApiParameter[] {
    const told = (part: keyof typeof places) => {
      const converted = convert(part);
      const fields = converted && fieldsOf(converted.schema, this.#schemas);
      // What is not told at all has been warned of.
      if (converted && !fields && Object.keys(converted.schema).length > 0) onOpen(part);
      return (fields ?? []).map(field => parameterOf(field, places[part]));
    };
    const ofPath = new Map(told('params').map(parameter => [parameter.name, parameter]));
    return [
      ...captures.map(name => ({
        ...(ofPath.get(name) ?? {name, in: 'path' as const, schema: {type: 'string'}}),
        required: true,
      })),
      ...told('query'),
      ...told('headers').filter(({name}) => !toldOtherwise.has(name.toLowerCase())),
    ];
  }

  #requestBody({schema, hasFiles}: Converted, declared: StandardSchemaV1): OpenApiOperation['requestBody'] & {} {
    const {type, description} = this.#schemas.resolved(schema);
    const isObject = type === undefined || type === 'object';
    const types = hasFiles ? bodyTypes.slice(-1) : isObject ? bodyTypes : bodyTypes.slice(0, 1);
    return {
      ...(typeof description === 'string' && {description}),
      required: !takes(declared, undefined),
      content: Object.fromEntries(types.map(each => [each, {schema}])),
    };
  }

  /** The answer of a method that has done what it was asked for. */
  #answer({status}: HandlerOptions, result: Converted | undefined): Record<string, OpenApiResponse> {
    if (!result) {
      if (status !== undefined) return {[status]: {description: nameOf(status)}};
      return {200: {description: 'OK'}, 204: {description: 'Nothing to return'}};
    }
    const told = this.#schemas.resolved(result.schema);
    if (isNothing(told)) return {[status ?? 204]: {description: nameOf(status ?? 204)}};
    const description = [told['description'], told['title']].find(each => typeof each === 'string');
    const type = told['type'] === 'string' ? 'text/plain' : 'application/json';
    return {
      [status ?? 200]: {
        description: description ?? nameOf(status ?? 200),
        content: {[type]: {schema: result.schema}},
      },
    };
  }

  /** The answers that are not the method's: problems, and what the middleware on the way says. */
  #others(answers: readonly MiddlewareAnswer[]): Record<string, OpenApiResponse> {
    return Object.fromEntries(
      answers.map(answer => [answer.status, {$ref: `#/components/responses/${this.#other(answer)}`}]),
    );
  }

  #other({status, headers}: MiddlewareAnswer): string {
    const response: OpenApiResponse = {
      description: nameOf(status),
      ...(headers && {headers: headersOf(headers)}),
      ...(status >= 400 && {content: {'application/problem+json': {schema: this.#problem}}}),
    };
    const name = this.#responseNames.nameOf(nameOf(status).replaceAll(/\W/g, ''), JSON.stringify(response));
    this.#responses[name] = response;
    return name;
  }

  /** Every guard has to be satisfied, by one of the schemes that it takes. */
  #security(middleware: readonly MiddlewareClass[]): Record<string, []>[] {
    let ways: Record<string, []>[] = [{}];
    for (const {security = {}} of middleware) {
      const names = Object.entries(security).map(([name, scheme]) => this.#scheme(name, scheme));
      if (names.length > 0) ways = ways.flatMap(way => names.map(name => ({...way, [name]: [] as []})));
    }
    return ways.filter(way => Object.keys(way).length > 0);
  }

  #scheme(wanted: string, given: SecurityScheme | 'session'): string {
    const scheme = given === 'session' ? {type: 'apiKey' as const, in: 'cookie', name: this.#subject.cookie} : given;
    const name = this.#schemeNames.nameOf(wanted, JSON.stringify(scheme));
    this.#schemes[name] = scheme;
    return name;
  }
}

const namesOfTheirOwn = 'its schema does not name the fields.';

/** The path as a template, and the names of what is captured. Of two by one name the last one is what `params` has. */
function pathOf(pattern: string): {path: string; names: readonly string[]} {
  const segments = pattern.split('/');
  const captured = segments.flatMap(segment => (segment.startsWith(':') ? [segment.slice(1)] : []));
  const names = captured.map((name, at) => (captured.includes(name, at + 1) ? `${name}_${at + 1}` : name));
  let at = 0;
  const written = segments.map(segment =>
    segment.startsWith(':') ? `{${names[at++]}}` : encodeURIComponent(segmentOf(segment)),
  );
  return {path: written.join('/'), names};
}

/** Where a host as `virtualHosts()` names it is served, by the scheme of the document; nothing where it is all others. */
function serversOf(host: string | undefined): Pick<OpenApiOperation, 'servers'> {
  if (host === undefined || host === '*') return {};
  if (!host.startsWith('*.')) return {servers: [{url: `//${host}`}]};
  return {servers: [{url: `//{name}${host.slice(1)}`, variables: {name: {default: 'www'}}}]};
}

/** OpenAPI has QUERY from 3.2 on. */
function keyOf(verb: Verb): string {
  return verb === 'QUERY' ? 'x-query' : verb.toLowerCase();
}

function nameOf(status: number): string {
  return STATUS_CODES[status] ?? String(status);
}

/** Which problems may be the answer. */
function statusesOf({verb, options}: HandlerView, isFound: boolean, isGuarded: boolean): readonly number[] {
  const {params, query, headers, body} = options;
  const statuses = [
    (query ?? headers ?? body) && 400,
    ...(isGuarded ? [401, 403] : []),
    (isFound || params) && 404,
    body && 413,
    (body ?? verb === 'QUERY') && 415,
    body && 422,
  ];
  return statuses.filter(status => typeof status === 'number');
}

function answersOf(middleware: readonly MiddlewareClass[], verb: Verb): readonly MiddlewareAnswer[] {
  return middleware.flatMap(({answers = []}) => answers.filter(({verbs}) => verbs?.includes(verb) ?? true));
}

function headersOf(told: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(told).map(([name, description]) => [name, {description, schema: {type: 'string'}}]),
  );
}

function answerOfBytes({status = 200}: HandlerOptions): Record<string, OpenApiResponse> {
  return {[status]: {description: nameOf(status), content: {'application/octet-stream': {}}}};
}

/** Whether a schema takes bytes or a stream, and nothing that JSON has: JSON Schema has no words for that. */
function isSentAsItIs(schema: StandardSchemaV1 | undefined): boolean {
  if (!schema) return false;
  const raw = [Buffer.from('x'), Readable.from([]), new ReadableStream()];
  return raw.some(value => takes(schema, value)) && !['', 0, true, null, {}, []].some(value => takes(schema, value));
}

interface Field {
  readonly name: string;
  readonly schema: JsonSchema;
  readonly isRequired: boolean;
}

/** The fields of an object; nothing where they are not named. */
function fieldsOf(given: JsonSchema, schemas: Schemas): Field[] | undefined {
  const {
    properties,
    required = [],
    allOf,
  } = schemas.resolved(given) as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
    allOf?: readonly JsonSchema[];
  };
  const parts = (allOf ?? []).map(part => fieldsOf(part, schemas));
  if (!properties && parts.length === 0) return undefined;
  if (parts.includes(undefined)) return undefined;
  const own = Object.entries(properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    isRequired: required.includes(name),
  }));
  return [...own, ...parts.flatMap(part => part!)];
}

function parameterOf({name, schema, isRequired}: Field, place: OpenApiParameter['in']): OpenApiParameter {
  const {description, ...rest} = schema;
  const isText = typeof description === 'string';
  return {
    name,
    in: place,
    ...(isRequired && {required: true}),
    ...(isText && {description}),
    schema: isText ? rest : schema,
  };
}

function isNothing({not}: JsonSchema): boolean {
  return typeof not === 'object' && not !== null && Object.keys(not).length === 0;
}

/** Whether a schema takes a value. One that answers later has not said so. */
function takes(schema: StandardSchemaV1, value: unknown): boolean {
  const verdict = verdictOf(schema, value);
  return !isPromised(verdict) && 'value' in verdict;
}

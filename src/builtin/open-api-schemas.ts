import type {StandardJSONSchemaV1, StandardSchemaV1} from '@standard-schema/spec';

/** A schema of JSON Schema, draft 2020-12, or a piece of one. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a schema takes, as JSON Schema. */
export interface Converted {
  /** As it stands in a document: what it refers to is one of the components. */
  readonly schema: JsonSchema;
  /** The fields that JSON Schema has no words for, and that are left open, like `address.since` or `tags[]`. */
  readonly open: readonly string[];
  readonly hasFiles: boolean;
}

/** Stands where a library has no words, until the place is known. */
const mark = 'x-left-open';

const open = {[mark]: true};
const nothing = {not: {}};
const moment = {type: 'string', format: 'date-time'};
const file = {type: 'string', format: 'binary'};

interface ZodPlace {
  readonly zodSchema: {readonly _zod: {readonly def: {readonly type: string}}};
  readonly jsonSchema: Record<string, unknown>;
}

/** What zod gives as a schema without words, and that takes anything. */
const zodTakesAll = new Set([
  'any',
  'unknown',
  'optional',
  'nullable',
  'default',
  'prefault',
  'catch',
  'readonly',
  'lazy',
]);
const zodWords: Readonly<Record<string, JsonSchema>> = {date: moment, void: nothing, undefined: nothing};

interface ValibotPlace {
  readonly valibotSchema: {readonly type: string};
  readonly jsonSchema: JsonSchema;
  readonly errors: readonly string[] | undefined;
}

const valibotWords: Readonly<Record<string, JsonSchema>> = {date: moment, file, void: nothing, undefined: nothing};

interface ArkTypePlace {
  readonly base: JsonSchema;
}

/** How the libraries are asked for what JSON has no type for. Each has options of its own. */
const libraryOptions: Readonly<Record<string, Record<string, unknown>>> = {
  zod: {
    unrepresentable: 'any',
    override: ({zodSchema, jsonSchema}: ZodPlace) => {
      const {type} = zodSchema._zod.def;
      if (Object.keys(jsonSchema).length > 0 || zodTakesAll.has(type)) return;
      Object.assign(jsonSchema, zodWords[type] ?? (type === 'pipe' ? {} : open));
    },
  },
  valibot: {
    errorMode: 'ignore',
    overrideSchema: ({valibotSchema: {type}, jsonSchema, errors}: ValibotPlace) =>
      errors ? (valibotWords[type] ?? {...jsonSchema, ...open}) : undefined,
  },
  arktype: {
    fallback: {
      date: ({base}: ArkTypePlace) => ({...base, ...moment}),
      default: ({base}: ArkTypePlace) => ({...base, ...open}),
    },
  },
};

/** Makes JSON Schema of the schemas of a site, for one document. */
export class Schemas {
  readonly #components: Names;
  readonly #schemas: Record<string, JsonSchema> = {};

  constructor(components: Names = new Names()) {
    this.#components = components;
  }

  /** What the schemas refer to, by name. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return this.#schemas;
  }

  /** Put a schema of our own there. Gives a reference to it. */
  add(name: string, schema: JsonSchema): JsonSchema {
    return this.#refer(name, JSON.stringify(schema), () => schema);
  }

  /**
   * What a schema takes. It is known as `name` where it refers to itself. Throws, with words for an operator, where its library
   * does not give JSON Schema.
   */
  convert(schema: StandardSchemaV1, name: string): Converted {
    const {$schema: _, $defs = {}, ...root} = inputOf(schema);
    const all = {root, $defs} as {root: JsonSchema; $defs: Record<string, JsonSchema>};
    const places: string[] = [];
    const local = new Local(all, name, (...given) => this.#refer(...given));
    const made = local.whole(places);
    return {schema: made, open: [...new Set(places)], hasFiles: isOfFiles(all)};
  }

  /** A schema with what it refers to in its place. */
  resolved(schema: JsonSchema): JsonSchema {
    const name = /^#\/components\/schemas\/([^/]+)$/.exec(String(schema['$ref']))?.[1];
    return name === undefined ? schema : this.resolved(this.#schemas[name]!);
  }

  #refer(wanted: string, text: string, make: () => JsonSchema): JsonSchema {
    const name = this.#components.nameOf(wanted, text);
    if (!(name in this.#schemas)) {
      // First, as it may refer to itself.
      this.#schemas[name] = {};
      this.#schemas[name] = make();
    }
    return {$ref: `#/components/schemas/${name}`};
  }
}

/** Names for things, of which the same has one and no two have the same. */
export class Names {
  readonly #texts = new Map<string, string>();

  /** The name that is wanted, or else the next: `Person_2`. `text` says what is the same. */
  nameOf(wanted: string, text: string): string {
    const base = wanted.replaceAll(/[^\w.-]/g, '_') || '_';
    for (let at = 1; ; at += 1) {
      const name = at === 1 ? base : `${base}_${at}`;
      const known = this.#texts.get(name);
      if (known !== undefined && known !== text) continue;
      this.#texts.set(name, text);
      return name;
    }
  }
}

function inputOf(schema: StandardSchemaV1): Record<string, unknown> {
  const {vendor, jsonSchema} = schema['~standard'] as StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props>;
  if (jsonSchema) return jsonSchema.input({target: 'draft-2020-12', libraryOptions: libraryOptions[vendor]});
  const wayOut = vendor === 'valibot' ? ' Put it into toStandardJsonSchema() of @valibot/to-json-schema.' : '';
  throw new Error(`the schema gives no JSON Schema.${wayOut}`);
}

function isOfFiles(value: unknown): boolean {
  return /"(?:format|contentEncoding)":"binary"|"contentMediaType":/.test(JSON.stringify(value));
}

/** One schema, which refers to pieces of itself. In a document these references would lead elsewhere. */
class Local {
  readonly #root: JsonSchema;
  readonly #definitions: Readonly<Record<string, JsonSchema>>;
  readonly #name: string;
  readonly #refer: (name: string, text: string, make: () => JsonSchema) => JsonSchema;

  constructor(
    {root, $defs}: {readonly root: JsonSchema; readonly $defs: Readonly<Record<string, JsonSchema>>},
    name: string,
    refer: (name: string, text: string, make: () => JsonSchema) => JsonSchema,
  ) {
    this.#root = root;
    this.#definitions = $defs;
    this.#name = name;
    this.#refer = refer;
  }

  /** All of it. Fields that are left open are added to `places`. */
  whole(places: string[]): JsonSchema {
    const refersToItself = refsIn([this.#root, this.#definitions]).some(ref => definitionIn(ref) === undefined);
    for (const definition of Object.values(this.#definitions)) this.#made(definition, '', places);
    const made = () => this.#made(this.#root, '', places) as JsonSchema;
    return refersToItself ? this.#refer(this.#name, this.#textOf(this.#root), made) : made();
  }

  #made(value: unknown, field: string, places: string[]): unknown {
    if (Array.isArray(value)) return value.map(each => this.#made(each, field, places));
    if (typeof value !== 'object' || value === null) return value;
    const {[mark]: isOpen, ...given} = value as JsonSchema;
    if (isOpen === true) places.push(field);
    const pairs = Object.entries(given).map(
      ([word, inner]) => [word, this.#inner(word, inner, field, places)] as const,
    );
    const made = Object.fromEntries(pairs);
    return typeof given['$ref'] === 'string' ? {...made, ...this.#moved(given['$ref'])} : made;
  }

  #inner(word: string, inner: unknown, field: string, places: string[]): unknown {
    if (word === 'items') return this.#made(inner, `${field}[]`, places);
    if (word !== 'properties') return this.#made(inner, field, places);
    const properties = Object.entries(inner as JsonSchema);
    const below = (name: string) => (field === '' ? name : `${field}.${name}`);
    return Object.fromEntries(properties.map(([name, one]) => [name, this.#made(one, below(name), places)]));
  }

  /** A reference, as it leads from the document. */
  #moved(ref: string): JsonSchema {
    const name = definitionIn(ref);
    if (name === undefined) {
      const {$ref} = this.#refer(
        this.#name,
        this.#textOf(this.#root),
        () => this.#made(this.#root, '', []) as JsonSchema,
      );
      return {$ref: `${$ref as string}${ref.slice(1)}`};
    }
    const definition = this.#definitions[name]!;
    return this.#refer(name, this.#textOf(definition), () => this.#made(definition, '', []) as JsonSchema);
  }

  /** It, and all that it refers to. */
  #textOf(schema: JsonSchema): string {
    const reached = new Set<unknown>([schema]);
    for (const one of reached) {
      for (const ref of refsIn(one)) reached.add(this.#definitions[definitionIn(ref) ?? ''] ?? this.#root);
    }
    return JSON.stringify([...reached]);
  }
}

/** The references in a schema to pieces of its own. */
function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const ref = (value as JsonSchema)['$ref'];
  const own = typeof ref === 'string' && ref.startsWith('#') ? [ref] : [];
  return [...own, ...Object.values(value).flatMap(refsIn)];
}

function definitionIn(ref: string): string | undefined {
  const name = /^#\/\$defs\/([^/]+)$/.exec(ref)?.[1];
  return name === undefined ? undefined : decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~');
}

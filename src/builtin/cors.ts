import {classOf} from '../container.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, kind, milliseconds, optionInvalid, required, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {branchesOf, type Node, type Tree} from '../resource/tree.ts';
import {isOrigin} from '../http/origin.ts';
import {refusable} from './refusable.ts';

/** Which pages of other origins may read what a branch answers. */
export interface CorsOptions {
  /**
   * The origins of these pages, as `['https://app.example']`; `'*'` for all of them, without the visitor's cookies; or a function
   * that says of an origin whether it is one.
   */
  readonly origins: '*' | readonly string[] | ((origin: string, request: Request) => boolean | Promise<boolean>);
  /** Whether they may send the visitor's cookies. Default: no. */
  readonly credentials?: boolean;
  /** By which methods they may ask. Default: any. */
  readonly methods?: readonly string[];
  /** Which headers they may send besides those that any page may. Default: any. */
  readonly headers?: readonly string[];
  /** Which headers of an answer they may read besides those that any page may. Default: none. */
  readonly expose?: readonly string[];
  /** How many milliseconds a browser may remember the answer to a preflight. Default: two hours, the most that Chromium takes. */
  readonly maxAge?: number;
}

const names = (what: string) =>
  kind(
    `a list of ${what}`,
    value =>
      Array.isArray(value) && value.every(name => typeof name === 'string' && /^[\w!#$%&'*+.^`|~-]+$/.test(name)),
  );

const corsKinds: Kinds<CorsOptions> = {
  origins: required(
    kind(
      '"*", a list of origins, as "https://app.example" without a slash at the end, or a function',
      value => value === '*' || typeof value === 'function' || (Array.isArray(value) && value.every(isOrigin)),
    ),
  ),
  credentials: flag,
  methods: names('methods'),
  headers: names('header names'),
  expose: names('header names'),
  maxAge: milliseconds,
};

/** What holds where `CorsOptions` are silent. */
export const corsDefaults = {credentials: false, maxAge: 7_200_000} as const;

const isCors = Symbol('cors');

/**
 * Lets pages of other origins read what a branch answers, errors too (the Fetch standard, CORS protocol). It answers preflights where
 * it stands, so put it above guards: a browser sends no cookie and no token with a preflight. What may be *sent* is no matter of
 * CORS: for unsafe requests with the session's cookie name the same origins in `createSite(Root, {csrf: {origins}})`.
 */
export const cors = refusable(makeCors);

function makeCors(options: CorsOptions): MiddlewareClass {
  checkOptions('cors()', options, corsKinds);
  const rule = new CorsRule(options);
  return class Cors implements Middleware {
    static readonly passesPreflights = true;
    static readonly [isCors] = true;

    async handle(request: Request, response: Response, next: Next): Promise<unknown> {
      const isAllowed = await rule.allow(request, response);
      if (!isPreflight(request)) return next();
      if (isAllowed) rule.answer(request, response);
      response.status = 204;
      return undefined;
    }
  };
}

/** Whether a browser asks before it sends what a page wants to send. */
function isPreflight({method, headers}: Request): boolean {
  return method === 'OPTIONS' && headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}

const told = ['Access-Control-Allow-Origin', 'Access-Control-Allow-Credentials', 'Access-Control-Expose-Headers'];

class CorsRule {
  readonly #options: CorsOptions;
  readonly #isFixed: boolean;
  readonly #maxAge: string;

  constructor(options: CorsOptions) {
    if (options.origins === '*' && options.credentials) throw contradiction();
    this.#options = options;
    this.#isFixed = options.origins === '*';
    this.#maxAge = String(Math.floor((options.maxAge ?? corsDefaults.maxAge) / 1000));
  }

  /** Say who may read the answer, on a response that may become that of an error, in place of a rule further out. */
  async allow(request: Request, response: Response): Promise<boolean> {
    for (const name of told) response.removeHeader(name);
    const {origin} = request.headers;
    // A cache must not give one origin what another was answered.
    if (!this.#isFixed) response.vary('Origin');
    const isAllowed = this.#isFixed || (origin !== undefined && (await this.#has(origin, request)));
    if (!isAllowed) return false;
    response.setHeader('Access-Control-Allow-Origin', this.#isFixed ? '*' : origin!);
    if (this.#options.credentials) response.setHeader('Access-Control-Allow-Credentials', 'true');
    const {expose} = this.#options;
    if (expose?.length && !isPreflight(request)) response.setHeader('Access-Control-Expose-Headers', expose.join(', '));
    return true;
  }

  /** Say what may be sent. Where anything may, it is what the browser asks for: with cookies an asterisk would mean no more than itself. */
  answer({headers: asked}: Request, response: Response): void {
    const {methods, headers} = this.#options;
    response.setHeader('Access-Control-Allow-Methods', methods?.join(', ') ?? asked['access-control-request-method']!);
    response.setHeader('Access-Control-Max-Age', this.#maxAge);
    response.vary('Access-Control-Request-Method');
    response.vary('Access-Control-Request-Headers');
    const allowed = headers?.join(', ') ?? asked['access-control-request-headers'];
    if (allowed) response.setHeader('Access-Control-Allow-Headers', allowed);
  }

  #has(origin: string, request: Request): boolean | Promise<boolean> {
    const {origins} = this.#options;
    return typeof origins === 'function' ? origins(origin, request) : origins.includes(origin);
  }
}

function contradiction(): Error {
  return optionInvalid(
    'cors(): origins is "*", and credentials is true. Browsers refuse both together. Name the origins that may send the visitor\'s cookies.',
  );
}

/** Where `cors()` stands below what may refuse a preflight, which then never reaches it: a warning for each. */
export function warningsOfCors({root}: Tree, use: readonly Middleware[]): readonly string[] {
  const warnings = new Set<string>();
  const seen = new Map<Node, Set<string | undefined>>();
  const visit = (node: Node, above: string | undefined): void => {
    if (seen.get(node)?.has(above)) return;
    seen.set(node, (seen.get(node) ?? new Set()).add(above));
    const {guard, isLate} = lookAt(node.middleware, above);
    if (isLate) warnings.add(lateCors(node.resource.name, guard!));
    for (const branch of branchesOf(node)) visit(branch.node, guard);
  };
  const {guard, isLate} = lookAt(use, undefined);
  visit(root.node, guard);
  return [...(isLate ? [lateCors('the site', guard!)] : []), ...warnings];
}

/** The first of these, or of those above, that may refuse a preflight, and whether `cors()` stands below it. */
function lookAt(
  middleware: readonly Middleware[],
  above: string | undefined,
): {guard: string | undefined; isLate: boolean} {
  let guard = above;
  for (const each of middleware) {
    const type = classOf(each) as MiddlewareClass & {readonly [isCors]?: boolean};
    if (type[isCors]) return {guard, isLate: guard !== undefined};
    if (!type.passesPreflights) guard ??= type.name;
  }
  return {guard, isLate: false};
}

function lateCors(place: string, guard: string): string {
  return `cors() of ${place} stands below ${guard}: a preflight, which carries no cookie and no token, may be refused there. Put cors() above it; or where ${guard} lets OPTIONS pass, say so in its class: static readonly passesPreflights = true.`;
}

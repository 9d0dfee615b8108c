import {EspalierError} from '../../errors.ts';
import {setCookieText, type CookieOptions} from '../../http/cookie.ts';
import type {Request} from '../../http/request.ts';
import type {Response} from '../../http/response.ts';
import {whyNotThisMachine} from '../../http/this-machine.ts';
import {flag, kind, oneOf, optionInvalid, type Kinds} from '../../options.ts';
import {isToken} from './token.ts';

/** How the cookie that carries a session's token is named, and to whom the browser sends it. */
export interface SessionCookieOptions {
  /**
   * Its name without a prefix: `shop` is `__Host-Http-shop` over TLS, or `__Http-shop` with a `domain` or a `path` other than `/`,
   * and `shop` over plain HTTP. Default: `sid`.
   */
  readonly name?: string;
  /**
   * Whether the browser sends it along with a request that another site has made: with links to this site alone (`lax`), never
   * (`strict`), or always (`none`, over TLS alone), as in a frame. Default: `lax`.
   */
  readonly sameSite?: 'lax' | 'strict' | 'none';
  /** The path, as the browser has it, at and below which it is sent. Default: `/`. */
  readonly path?: string;
  /** The domain that it is sent to, with all hosts below. Default: the host itself, and no other. */
  readonly domain?: string | undefined;
  /**
   * Whether a frame in another site's page has a cookie of its own for each such site (CHIPS). It needs `sameSite: 'none'`, and
   * so TLS. Default: false.
   */
  readonly partitioned?: boolean;
}

/** Every choice made. */
type Shape = Required<SessionCookieOptions>;

/** What holds where `SessionCookieOptions` are silent. */
export const sessionCookieDefaults: Shape = {
  name: 'sid',
  sameSite: 'lax',
  path: '/',
  domain: undefined,
  partitioned: false,
};

/** What the values of `SessionCookieOptions` may be. */
export const sessionCookieKinds: Kinds<SessionCookieOptions> = {
  // A token of RFC 6265, section 4.1.1. The prefixes are those of RFC 6265bis, which browsers know in any case of letters.
  name: textLike(
    'a name for a cookie of 100 characters at most, without a prefix like "__Host-", which it is given over TLS',
    /^(?!__(?:host|secure|http)-)[\w!#$%&'*+.^`|~-]{1,100}$/i,
  ),
  sameSite: oneOf('lax', 'strict', 'none'),
  // As it stands in URLs, where nothing else can be. Browsers leave out an attribute of more than 1,024 bytes.
  path: textLike(
    'a path that begins with a slash, as it stands in a URL: percent-encoded, without ";", "?", "#", blanks and parts like ".."',
    /^(?!.*\/\.\.?(?:\/|$))\/[\w!$%&'()*+,./:=@~-]{0,1000}$/,
  ),
  domain: textLike(
    'a domain like "example.com", in ASCII, without a port and without a dot in front',
    /^(?=.{1,253}$)(?:[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?\.)+(?!\d+$)[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/i,
  ),
  partitioned: flag,
};

function textLike(wanted: string, pattern: RegExp) {
  return kind(wanted, value => typeof value === 'string' && pattern.test(value));
}

/** Which cookie carries a session's token, and with which attributes. */
export interface SessionCookie {
  readonly name: string;
  readonly secure: boolean;
  /** What follows the token in a `Set-Cookie` header. */
  readonly attributes: string;
  /** The `Set-Cookie` header by which the browser forgets it: of the same path, domain and partition. */
  readonly clearing: string;
}

/** From whom sessions over plain HTTP are taken: from all, from this machine alone, or from nobody. */
export type PlainHttp = 'all' | 'thisMachine' | 'nobody';

/** The cookies of a site: one for each way that a request can come. */
export class SessionCookies {
  readonly #overTls: SessionCookie;
  readonly #overPlain: SessionCookie;
  /** This machine, as it calls itself, is in no domain. */
  readonly #here: SessionCookie;
  readonly #plainHttp: PlainHttp;
  readonly #needsTls: boolean;
  readonly #domain: string | undefined;

  /** Throws `OPTION_INVALID` for choices that contradict each other. */
  constructor(options: SessionCookieOptions, plainHttp: PlainHttp) {
    const shape = shapeOf(options);
    this.#needsTls = shape.sameSite === 'none' || shape.partitioned;
    refuseContradictions(shape, this.#needsTls && plainHttp === 'all');
    const {name, domain, ...attributes} = shape;
    const inDomain = domain === undefined ? attributes : {...attributes, domain};
    // Browsers let only a server, over TLS, set a cookie with these prefixes; with the first one for its own host alone.
    const prefix = domain === undefined && shape.path === '/' ? '__Host-Http-' : '__Http-';
    this.#overTls = sessionCookie(`${prefix}${name}`, {...inDomain, secure: true});
    this.#overPlain = sessionCookie(name, inDomain);
    this.#here = sessionCookie(name, attributes);
    this.#plainHttp = plainHttp;
    this.#domain = domain?.toLowerCase();
  }

  /**
   * The cookie that fits how the request came. Over plain HTTP there is one for those alone of whom it is accepted that anyone on
   * the way can take the session over: otherwise throws `SESSION_INSECURE`.
   */
  fitting(request: Request): SessionCookie {
    if (request.secure) return this.#overTls;
    if (this.#needsTls) throw needsTls();
    const isOpen = this.#plainHttp === 'all';
    if (isOpen && this.#domain === undefined) return this.#overPlain;
    const reason = this.#plainHttp === 'nobody' ? 'this is production (NODE_ENV)' : whyNotThisMachine(request);
    if (reason === undefined) return this.#here;
    if (isOpen) return this.#overPlain;
    throw insecure(reason);
  }

  /** By which names a browser may carry a token, however it comes. */
  get names(): readonly string[] {
    return [this.#overTls.name, this.#overPlain.name];
  }

  /** Why a browser would not keep this cookie from where the request is for, if it would not. */
  whyLost({name, attributes}: SessionCookie, {host}: Request): string | undefined {
    const domain = this.#domain;
    const asked = host?.replace(/:\d*$/, '').toLowerCase();
    if (domain === undefined || asked === undefined || !attributes.includes('; Domain=')) return undefined;
    if (asked === domain || asked.endsWith(`.${domain}`)) return undefined;
    return `The cookie ${name} is for ${domain} and the hosts below, but a request is for ${asked}: browsers keep no such cookie from there. If visitors ask for another host than that, have your proxy send it on as Host.`;
  }
}

function shapeOf(options: SessionCookieOptions): Shape {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {...sessionCookieDefaults, ...Object.fromEntries(given)};
}

function refuseContradictions({sameSite, partitioned}: Shape, isInsecure: boolean): void {
  if (partitioned && sameSite !== 'none') {
    throw contradiction('partitioned is for a site in frames of others, where browsers take sameSite: "none" alone.');
  }
  if (isInsecure) {
    throw contradiction(
      'browsers take sameSite: "none" over TLS alone, so it goes with no sessions: {insecure: true}.',
    );
  }
}

function contradiction(message: string): EspalierError {
  return optionInvalid(`sessions.cookie: ${message}`);
}

function sessionCookie(name: string, options: CookieOptions): SessionCookie {
  return {
    name,
    secure: options.secure === true,
    attributes: setCookieText(name, '', options).slice(`${name}=`.length),
    clearing: setCookieText(name, '', {...options, maxAge: 0}),
  };
}

function insecure(reason: string): EspalierError {
  return new EspalierError(
    'SESSION_INSECURE',
    `There are no sessions over plain HTTP, except from this machine to itself. This request is not taken for one of those, because ${reason}. If TLS ends at a proxy, trust it: trustProxy: "loopback", or its address. If plain HTTP is really meant, as to the published port of a container on your own machine, say so: sessions: {insecure: true}.`,
    {status: 403},
  );
}

function needsTls(): EspalierError {
  return new EspalierError(
    'SESSION_INSECURE',
    'There are no sessions over plain HTTP where sessions.cookie has sameSite: "none": browsers take such a cookie over TLS alone. If TLS ends at a proxy, trust it: trustProxy: "loopback", or its address. To try the site on your own machine, give listen() a certificate (tls), or leave out sameSite and partitioned there. In a test, have a visitor come to an https: origin.',
    {status: 403},
  );
}

/**
 * The token that a request carries. A malformed one counts as none, and so does a repeated one: of two, nobody can say
 * which of them another site planted.
 */
export function tokenIn(request: Request, {name}: SessionCookie): string | undefined {
  const values = request.cookieValues(name);
  return values.length === 1 && isToken(values[0]!) ? values[0] : undefined;
}

/** Have the browser carry this token for `age` seconds, or until it is closed. The session itself knows when it ends. */
export function sendToken(token: string, {name, attributes}: SessionCookie, response: Response, age?: number): void {
  const lasting = age === undefined ? '' : `; Max-Age=${age}`;
  response.addCookie(`${name}=${token}${lasting}${attributes}`);
}

/** Have the browser forget its token. */
export function clearToken({clearing}: SessionCookie, response: Response): void {
  response.addCookie(clearing);
}

import type * as ToughCookie from 'tough-cookie';
import {ignore} from '../awaitable.ts';
import {Request} from '../http/request.ts';
import {Response} from '../http/response.ts';
import {toWebResponse} from '../http/web.ts';
import {anything, checkOptions, type Kinds} from '../options.ts';
import {peer} from '../peer.ts';
import {SessionService} from '../session/session-service.ts';
import type {Site} from '../site.ts';
import {openSocket, type SocketInit, type TestSocket} from './test-socket.ts';

/**
 * What a request says besides its method and path. A plain object or array as `json` is sent as JSON; `ip` is the address that it
 * comes from, none by default.
 */
export interface ClientInit extends Omit<globalThis.RequestInit, 'method'> {
  readonly json?: unknown;
  readonly ip?: string;
}

const {CookieJar} = peer('tough-cookie', 'espalier/testing', '--save-dev ') as typeof ToughCookie;

type Options = ClientInit & {readonly method?: string};

/** What `fetch` takes, and `json`. What the values may be is for the constructor of `globalThis.Request` to say. */
const clientKinds: Kinds<Options & {duplex: 'half'; dispatcher: unknown}> = {
  body: anything,
  cache: anything,
  credentials: anything,
  dispatcher: anything,
  duplex: anything,
  headers: anything,
  ip: anything,
  integrity: anything,
  json: anything,
  keepalive: anything,
  method: anything,
  mode: anything,
  priority: anything,
  redirect: anything,
  referrer: anything,
  referrerPolicy: anything,
  signal: anything,
  window: anything,
};

/**
 * A visitor of a site, without a socket: it keeps cookies as a browser does, and follows no redirects. Each client is a
 * visitor of its own.
 */
export class Client {
  /** Its cookies. */
  readonly jar: ToughCookie.CookieJar = new CookieJar();
  readonly #site: Site;
  readonly #origin: string;
  /** What has to be done before the first request. */
  #entered: Promise<void> | undefined;

  /** `origin` is where the visitor believes the site to be; with `https:` it comes over TLS. Default: `http://localhost`. */
  constructor(site: Site, origin = 'http://localhost') {
    this.#site = site;
    this.#origin = origin;
  }

  /** @internal A visitor who has signed in as this user, in a session of their own. */
  static signedIn(site: Site, user: string, origin?: string): Client {
    const client = new Client(site, origin);
    client.#entered = client.#signIn(user);
    // Whoever sends a request is told.
    ignore(client.#entered);
    return client;
  }

  async #signIn(user: string): Promise<void> {
    const url = new URL(this.#origin);
    const request = Request.from({headers: {host: url.host}, secure: url.protocol === 'https:'});
    await this.#site.container.get(SessionService).signIn(user, request);
    const response = new Response();
    await request.settle(response);
    request.end();
    for (const cookie of toWebResponse(response).headers.getSetCookie()) await this.#keep(cookie, url.href);
  }

  /** Send a request to a path, and give the answer. */
  async fetch(path: string, options: Options = {}): Promise<globalThis.Response> {
    checkOptions('A visitor', options, clientKinds);
    await this.#entered;
    const {json, ip, ...init} = options;
    const request = new globalThis.Request(new URL(path, this.#origin), withJson(init, json));
    const cookies = await this.jar.getCookieString(request.url);
    if (cookies && !request.headers.has('Cookie')) request.headers.set('Cookie', cookies);
    const response = await this.#site.fetch(request, {...(ip !== undefined && {ip})});
    for (const cookie of response.headers.getSetCookie()) await this.#keep(cookie, request.url);
    return response;
  }

  /**
   * Open a WebSocket, as a page of this origin does, with the visitor's cookies. It needs no port. Rejects where it is not opened, with
   * an error that has the `status` of the answer and its `headers`.
   */
  async socket(path: string, {headers, ...options}: SocketInit = {}): Promise<TestSocket> {
    await this.#entered;
    const url = new URL(path, this.#origin);
    const cookie = await this.jar.getCookieString(url.href);
    const all = {Origin: this.#origin, ...(cookie && {Cookie: cookie}), ...headers};
    return openSocket(this.#site, {...options, url, headers: all, keep: each => this.#keep(each, url.href)});
  }

  // A cookie that a browser would refuse is dropped without a word, as a browser does.
  async #keep(cookie: string, url: string): Promise<void> {
    await this.jar.setCookie(cookie, url, {ignoreError: true});
  }

  /** As `fetch`, with GET. */
  get(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'GET'});
  }

  /** As `fetch`, with POST. */
  post(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'POST'});
  }

  /** As `fetch`, with PUT. */
  put(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'PUT'});
  }

  /** As `fetch`, with PATCH. */
  patch(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'PATCH'});
  }

  /** As `fetch`, with DELETE. */
  delete(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'DELETE'});
  }

  /** As `fetch`, with QUERY, whose body has to have a type. */
  query(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'QUERY'});
  }

  /** As `fetch`, with HEAD. */
  head(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'HEAD'});
  }

  /** As `fetch`, with OPTIONS. */
  options(path: string, init?: ClientInit): Promise<globalThis.Response> {
    return this.fetch(path, {...init, method: 'OPTIONS'});
  }
}

function withJson(init: globalThis.RequestInit, json: unknown): globalThis.RequestInit {
  if (json === undefined) return init;
  const headers = new Headers(init.headers);
  headers.set('Content-Type', 'application/json');
  return {...init, headers, body: JSON.stringify(json)};
}

import {randomUUID} from 'node:crypto';
import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import {Container, type ContainerModule} from 'inversify';
import {isPromised, proceed, recovered, type Awaitable} from './awaitable.ts';
import {Broadcast} from './broadcast/broadcast.ts';
import {LocalBroadcast} from './broadcast/local.ts';
import {warningsOfCors} from './builtin/cors.ts';
import {csrfGuard, csrfKinds, socketGuard, type CsrfOptions} from './builtin/csrf.ts';
import {documentsIn, isOpenApi, warningsOf, warningsOfOpenApi} from './builtin/open-api.ts';
import {Clock, systemClock} from './clock.ts';
import {commandLine, goNoFurther} from './command-line.ts';
import {ContainerInspector, SiteContainer} from './container.ts';
import {EspalierError} from './errors.ts';
import {duringRequest} from './http/current.ts';
import {isSafe} from './http/method.ts';
import {beginProblem, problemOf, problemResponse, withStatus, type Problem, type SiteError} from './http/problem.ts';
import {Request, type Message, type RequestInit, type RequestSettings} from './http/request.ts';
import {traceFailure, traceRequest} from './http/request-trace.ts';
import {Response} from './http/response.ts';
import {Server, type Listener, type ListenOptions} from './http/server.ts';
import {compileTrust, type TrustProxy} from './http/trust.ts';
import {knownCodings, type BodyCoding} from './http/unpack.ts';
import {fromWebRequest, toWebResponse} from './http/web.ts';
import {WebSockets, type SocketOptions} from './http/web-sockets.ts';
import {Logger, report, warn} from './logger.ts';
import {
  anything,
  checkOptions,
  count,
  delay,
  kind,
  method,
  objectWith,
  optionsOf,
  orFalse,
  positive,
  type Kinds,
} from './options.ts';
import {Place} from './place.ts';
import {isOutageTold, OutageLog} from './outage-log.ts';
import type {ResourceClass} from './resource/declarations.ts';
import {explain, rowsOf} from './resource/explain.ts';
import {open} from './resource/gate.ts';
import {checkMiddleware, type MiddlewareClass} from './resource/middleware.ts';
import {render} from './resource/render.ts';
import {Responder, type SocketManner} from './resource/respond.ts';
import {declaredPath, LaterTree, SiteTree, type ResourceView} from './resource/tree-view.ts';
import {Tree, type Gated} from './resource/tree.ts';
import {endHandlersOf, hearsOfEnds, refuseUntold} from './session/end/on-expire.ts';
import {SessionService, sessionDefaults, sessionKinds, type SessionOptions} from './session/session-service.ts';
import {SessionStore} from './session/store/contract.ts';
import {randomToken, TokenSource} from './session/visit/token.ts';
import {MemoryStore} from './store/memory.ts';
import {TimeLimit} from './time-limit.ts';

export type {SiteError} from './http/problem.ts';

/** Answers errors for a site: what `onError` is made of where it needs services. */
export interface ErrorHandler {
  /** Called with each error that no middleware has answered. What it returns, or promises, is answered. */
  handle(error: SiteError, request: Request, response: Response): unknown;
}

/** The class of an error handler. */
// Any arguments: they are the container's business.
export type ErrorHandlerClass = new (...args: any[]) => ErrorHandler;

/** How a site is composed. */
export interface SiteOptions {
  /** A container of the application's own, with what its resources ask for. Default: a new one. It serves one site at a time. */
  readonly container?: Container;
  /** Modules to load into the container. */
  readonly modules?: readonly ContainerModule[];
  /**
   * How sessions are kept. `memoryLimit` is the most that the memory store holds, `memoryBytes` the most bytes that they take,
   * about; past either those seen least lately end.
   */
  readonly sessions?: SessionOptions & {readonly memoryLimit?: number; readonly memoryBytes?: number};
  /**
   * Middleware that stands before the root, the first one first. It also comes by what no resource is asked for: a path that can't
   * be decoded, a wrong host. Default: none.
   */
  readonly use?: readonly MiddlewareClass[];
  /**
   * Answers errors, in place of our document or page: each error that no middleware has answered, those of the framework too.
   * `error.status` is that of the answer, and `response` has it already, with the headers of the error. What it returns, or
   * promises, is answered as if a handler had returned it; where that is nothing, we answer. An error that it throws is answered
   * in place of the first. A function, or a class with a method `handle`, which the container makes once. Default: none.
   */
  readonly onError?: ErrorHandler['handle'] | ErrorHandlerClass;
  /**
   * Which unsafe requests of other sites' pages are taken although they carry the session's cookie; `false` takes all of them.
   * Default: none. Whatever is refused is a 403, `CSRF_REFUSED`, before any resource is looked up.
   */
  readonly csrf?: false | CsrfOptions;
  /** The most bytes a request body may have. Default: 1 MiB. */
  readonly bodyLimit?: number;
  /** The codings that a request body may be compressed by; `bodyLimit` holds for what it is unpacked to. Default: none, it is a 415. */
  readonly bodyCodings?: readonly BodyCoding[];
  /** The proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none. */
  readonly trustProxy?: TrustProxy;
  /**
   * How many milliseconds a request may take until its answer is there, or the first piece of a stream, with its body and all middleware. Past
   * that it is a 503, `HANDLER_TIMEOUT`, and `request.signal` is aborted. What the handler gives later is thrown away. Default: none.
   */
  readonly handlerTimeout?: number;
  /**
   * How many requests may be under way at a time: each until its answer is there, or the first piece of a stream. One more is a 503,
   * `SITE_BUSY`, with `Retry-After`, before any middleware is asked. Default: none.
   */
  readonly maxRequests?: number;
  /** How many milliseconds `close()` waits for requests that are being answered. Default: 10 seconds; 24 days at most. */
  readonly drainTimeout?: number;
}

/** How a connection is taken that another server has accepted. */
export interface UpgradeOptions {
  /** Where the site hangs in that server's paths: `/app`. Default: nowhere, so that its paths are those of the requests. */
  readonly mountPath?: string;
}

const upgradeKinds: Kinds<UpgradeOptions> = {
  mountPath: kind('a path like "/app", without a slash at the end', value => /^(?:\/[^/?#]+)*$/.test(String(value))),
};

const containerModule = objectWith('a ContainerModule', 'load');

/** What the values of `SiteOptions` may be. */
export const siteKinds: Kinds<SiteOptions> = {
  container: objectWith('a Container of InversifyJS', 'bind', 'get', 'isBound', 'load'),
  modules: kind('an array of ContainerModules', value => Array.isArray(value) && value.every(containerModule.fits)),
  sessions: optionsOf<NonNullable<SiteOptions['sessions']>>({
    ...sessionKinds,
    memoryLimit: count,
    memoryBytes: positive,
  }),
  use: kind('an array of the classes of middleware', Array.isArray),
  onError: kind(
    'a function, or a class with a method handle',
    value => method.fits(value) && !isClassWithoutHandle(value),
  ),
  csrf: orFalse(optionsOf<CsrfOptions>(csrfKinds)),
  bodyLimit: positive,
  bodyCodings: kind(
    `a list of ${knownCodings.map(name => JSON.stringify(name)).join(', ')}`,
    value => Array.isArray(value) && value.every(name => knownCodings.includes(name as BodyCoding)),
  ),
  trustProxy: anything,
  handlerTimeout: delay,
  maxRequests: count,
  drainTimeout: delay,
};

/** What holds where `SiteOptions` are silent. */
export const siteDefaults = {
  sessions: {...sessionDefaults, memoryLimit: MemoryStore.defaults.limit, memoryBytes: MemoryStore.defaults.bytes},
  bodyLimit: 1024 * 1024,
  bodyCodings: [] as readonly BodyCoding[],
  trustProxy: false,
  drainTimeout: 10_000,
} as const;

/**
 * Compose a site: bind what it needs, make every resource that can be made now, and check the tree. Throws an
 * `EspalierError` that names the classes, the way to them and the way out; then the container is left as it was.
 */
export function createSite(Root: ResourceClass, options: SiteOptions = {}): Site {
  checkOptions('createSite()', options, siteKinds);
  return composeSite(Root, options, {checksResults: false});
}

/** @internal As `createSite`. `checksResults` is whether results are held against their schemas, as in tests. */
export function composeSite(
  Root: ResourceClass,
  options: SiteOptions,
  {checksResults}: {readonly checksResults: boolean},
): Site {
  const limits = limitsOf(options);
  const hold = new SiteContainer(options.container ?? new Container());
  refuseTaken(hold.container);
  try {
    const {tree, view, use, sessions, told, onError} = growSite(Root, options, hold, new Place());
    sessions.deliverEnds(told.flatMap(endHandlersOf));
    const lines = [...warningsOfCors(tree, use.middleware), ...warningsOfOpenApi(hold.instances(isOpenApi))];
    for (const line of lines) warn(hold.container.get(Logger), line);
    const clock = hold.container.get<Clock>(Clock);
    const settings = {...limits, clock};
    const guards = guardsOf(options, sessions);
    const bounds = boundsOf(options);
    const made = {hold, tree, view, use, sessions, settings, clock};
    return new Site({...made, ...bounds, ...guards, onError, checksResults});
  } catch (error) {
    hold.abandon();
    throw error;
  }
}

/** What a site could be made of, and what speaks against it. */
export interface Inspection {
  /** Nothing where nothing could grow. */
  readonly site: GrownSite | undefined;
  /** All that `createSite` would throw, one after the other. */
  readonly refusals: readonly unknown[];
  /** What would be told to the log. */
  readonly warnings: readonly string[];
}

/**
 * @internal Look at what `createSite` would make, without making any of it: no resource, no service, no store. `place` is where the
 * program would have it made.
 */
export function inspectSite(Root: ResourceClass, options: SiteOptions, place = new Place()): Inspection {
  const hold = new ContainerInspector(options.container ?? new Container());
  hold.attempt(() => limitsOf(options), undefined);
  hold.attempt(() => refuseTaken(hold.container), undefined);
  const site = hold.attempt(() => growSite(Root, options, hold, place), undefined);
  if (!site) return {site, refusals: hold.refusals, warnings: []};
  hold.attempt(() => guardsOf(options, site.sessions), undefined);
  const written = hold.attempt(() => documentsIn(site.view.root, site.sessions.cookieName), []);
  return {
    site,
    refusals: hold.refusals,
    warnings: [...warningsOfCors(site.tree, site.use.middleware), ...warningsOf(written)],
  };
}

/** The tree of a site, and what it stands on. */
interface GrownSite {
  readonly tree: Tree;
  readonly view: SiteTree;
  /** What stands before the root. */
  readonly use: Gated;
  readonly sessions: SessionService;
  /** What is told of the ends of sessions. */
  readonly told: readonly object[];
  readonly onError: Parts['onError'];
}

function growSite(Root: ResourceClass, options: SiteOptions, hold: SiteContainer, place: Place): GrownSite {
  const view = new LaterTree();
  hold.bring(() => {
    bindServices(hold, options);
    hold.container.bind<SiteTree>(SiteTree).toConstantValue(view);
  });
  hold.inheritInjections();
  const sessions = hold.make(SessionService, 'SessionService', () => sessionsAlone(options));
  const use = makeMiddleware(hold, options, place);
  const make = (resource: ResourceClass, trail: string) => hold.make(resource, trail);
  const openSockets = (socket: SocketOptions) => new WebSockets(socket, hold.container.get<Clock>(Clock));
  const tree = new Tree(Root, make, openSockets, hold.attempt.bind(hold));
  const told = hold.instances(hearsOfEnds);
  tree.check((resource, trail) => {
    hold.attempt(() => hold.refuseUnmade(resource, trail), undefined);
    hold.attempt(() => refuseUntold(resource, told), undefined);
  });
  view.grow(tree, use);
  const onError = hold.attempt(() => errorHandlerOf(hold, options), undefined);
  return {tree, view, use, sessions, told, onError};
}

/** Throw for what a page of another site has forged: where the browser has sent the visitor's cookie with it, and for sockets always. */
function guardsOf({csrf = {}}: SiteOptions, sessions: SessionService): Pick<Parts, 'refuseForged' | 'refuseForeign'> {
  if (csrf === false) return {refuseForged: () => undefined, refuseForeign: socketGuard({})};
  const refuse = csrfGuard('createSite() csrf', csrf);
  return {
    refuseForged: request => {
      if (!isSafe(request.method) && sessions.isCarried(request)) refuse(request);
    },
    refuseForeign: socketGuard(csrf),
  };
}

/** What stands before the root. It was put there where the site was composed. */
function makeMiddleware(hold: SiteContainer, options: SiteOptions, place: Place): Gated {
  const use = [...((commandLine().host?.use ?? []) as MiddlewareClass[]), ...(options.use ?? [])];
  const make = (type: MiddlewareClass) => {
    checkMiddleware('createSite({use})', type);
    return [hold.make(type, `use → ${type.name}`)];
  };
  const middleware = use.flatMap(type => hold.attempt(() => make(type), []));
  return {middleware: middleware.length === 0 ? open : middleware, places: middleware.map(() => place)};
}

function errorHandlerOf(hold: SiteContainer, {onError}: SiteOptions): ErrorHandler['handle'] | undefined {
  if (!onError || !isErrorHandlerClass(onError)) return onError;
  const handler = hold.make(onError, `onError → ${onError.name}`);
  return (error, request, response) => handler.handle(error, request, response);
}

function isErrorHandlerClass(given: Function): given is ErrorHandlerClass {
  return method.fits((given.prototype as Partial<ErrorHandler> | undefined)?.handle);
}

/** It could not be called. */
function isClassWithoutHandle(given: unknown): boolean {
  return !isErrorHandlerClass(given as Function) && /^class\b/.test(Function.prototype.toString.call(given));
}

/** What a site is composed of. */
interface Parts {
  readonly hold: SiteContainer;
  readonly tree: Tree;
  readonly view: SiteTree;
  readonly use: Gated;
  readonly sessions: SessionService;
  readonly settings: RequestSettings;
  readonly drainTimeout: number;
  readonly handlerTimeout: number | undefined;
  readonly maxRequests: number;
  readonly clock: Clock;
  readonly refuseForged: (request: Request) => void;
  readonly refuseForeign: SocketManner['refuseForeign'];
  readonly onError: ErrorHandler['handle'] | undefined;
  readonly checksResults: boolean;
}

/** A tree of resources that answers requests. It shares nothing with other sites. Make one with `createSite`. */
export class Site {
  readonly #parts: Parts;
  readonly #logger: Logger;
  readonly #server: Server;
  readonly #responder: Responder;
  readonly #deadline: TimeLimit | undefined;
  readonly #overload: OutageLog;
  #answering = 0;
  /** Those of them that are refused for want of room. */
  readonly #refused = new Set<Request>();
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  readonly #closed = Promise.withResolvers<void>();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#logger = parts.hold.container.get<Logger>(Logger);
    this.#overload = new OutageLog(this.#logger);
    const {clock, handlerTimeout} = parts;
    if (handlerTimeout !== undefined) this.#deadline = new TimeLimit(clock, handlerTimeout, tooLate);
    this.#server = new Server(
      (message, outgoing, send, asksForWebSocket) => {
        const request = new Request(message, parts.settings, outgoing);
        request.asksForWebSocket = asksForWebSocket;
        this.#answer(request, send);
      },
      error => report(this.#logger, 'A response could not be sent whole, or a server failed.', error),
      () => parts.tree.hasSockets,
    );
    this.#responder = new Responder({
      tree: parts.tree,
      use: parts.use.middleware,
      admit: request => {
        this.#refuseWhenClosed();
        request.refuseWrongHost();
        parts.refuseForged(request);
      },
      onLate: error =>
        report(this.#logger, 'What failed here was behind a middleware that had answered already.', error),
      onFailure: (error, request) => void this.#reported(error, request),
      warn: message => warn(this.#logger, message),
      checksResults: parts.checksResults,
      sockets: {
        refuseForeign: parts.refuseForeign,
        identify: request => parts.sessions.identify(request),
        onFailure: (error, request) => this.#reported(error, request),
      },
    });
  }

  /** The tree as data: its root, with all below it. */
  get tree(): ResourceView {
    return this.#parts.view.root;
  }

  /** Where the site's resources and services are made, until it is closed. */
  get container(): Container {
    return this.#parts.hold.container;
  }

  /**
   * Answer a request without a socket. Rejects with `OPTION_INVALID` for what no request can be made of, and never otherwise: what
   * fails is answered as an error. A `Request` that another site has had before is a new one here.
   */
  async handle(request: Request | RequestInit): Promise<Response> {
    const {settings} = this.#parts;
    const anew = request instanceof Request ? request.anew(settings) : Request.from(request, settings);
    return new Promise(resolve => this.#answer(anew, resolve));
  }

  /**
   * Answer a WHATWG `Request`, which comes from the address `ip`: that of the client, or of the proxy before us. Without one no
   * proxy is believed.
   */
  readonly fetch = async (
    request: globalThis.Request,
    {ip}: {readonly ip?: string} = {},
  ): Promise<globalThis.Response> =>
    toWebResponse(await this.handle({...fromWebRequest(request), ...(typeof ip === 'string' && {ip})}));

  /**
   * A request as this site would make it of a message, with its settings and not answered by it: for whoever takes upgrades to
   * WebSockets, and asks `sessions.findSession(request)` who is there.
   */
  request(message: Parameters<Listener>[0]): Request {
    return new Request(message as Message, this.#parts.settings);
  }

  /** A listener for another Node server: `http.createServer(site.handler)`, `app.use(site.handler)`. */
  get handler(): Listener {
    return this.#server.listener;
  }

  /**
   * The same for upgrades to WebSockets: `server.on('upgrade', site.upgrade)`. Whatever else is asked for gets an ordinary answer, the
   * last one of its connection. Gives whether it takes the connection: one for a path that is not below `mountPath` it leaves alone.
   */
  readonly upgrade = (
    message: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    options: UpgradeOptions = {},
  ): boolean => {
    checkOptions('site.upgrade()', options, upgradeKinds);
    const {mountPath = ''} = options;
    const isOurs = mountPath === '' || isBelow(mountPath, message.url);
    if (isOurs) this.#server.upgrade(mountPath === '' ? message : moved(message, mountPath), socket, head);
    return isOurs;
  };

  /** Begin to listen; gives the URL. Rejects with `PORT_TAKEN`, `LISTEN_FAILED` or `SITE_CLOSED`. */
  async listen(options?: ListenOptions): Promise<string> {
    this.#refuseWhenClosed();
    const {onListen, host} = commandLine();
    if (onListen) return goNoFurther(onListen);
    const url = await this.#server.listen(host ? {...options, ...host.listenOptions()} : options);
    host?.onListening(this, url);
    return url;
  }

  /**
   * Use this key and certificate, as PEM, for all connections that begin from now on, over HTTP/1.1 and HTTP/2: those that are open go on. Throws
   * `OPTION_INVALID` where they can't be used, and then those of before are used; also where the site does not listen by TLS.
   */
  setTls(tls: NonNullable<ListenOptions['tls']>): void {
    this.#server.setTls(tls);
  }

  /**
   * Stop accepting, end streamed answers, wait for the others (`drainTimeout` at most), and end what the site brought into
   * its container, dependents first. Doing it twice is once.
   */
  close(): Promise<void> {
    return (this.#closing ??= this.#close().finally(this.#closed.resolve));
  }

  /** @internal Resolves when it has closed, even where not everything in it could be ended. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  // What is done comes by a callback: the promise that a chain of them would need costs 1 to 2 % of a bare server's request.
  #answer(request: Request, send: (response: Response) => void): void {
    this.#answering += 1;
    request.answeredBy = this.#parts.sessions;
    traceRequest(request, () => duringRequest(request, () => this.#respond(request, send)));
  }

  #respond(request: Request, send: (response: Response) => void): void {
    const response = responseTo(request);
    const finish = () => this.#finish(request, response, send);
    const fail = (error: unknown) => proceed(this.#fail(error, request, response), finish);
    try {
      this.#refuseWhenBusy(request);
      const responded = this.#responder.respond(request, response);
      if (isPromised(responded)) {
        const giveUp = (error: unknown) => this.#giveUp(error, responded, request, response, send);
        const inTime = this.#deadline?.keep(responded) ?? responded;
        return void inTime.then(finish, error => (isTooLate(error) ? giveUp(error) : fail(error)));
      }
    } catch (error) {
      return void fail(error);
    }
    return finish();
  }

  /** Answer a request whose time is over, by a response of its own: whoever is late may still change the one that it was given. */
  #giveUp(
    error: unknown,
    responded: PromiseLike<void>,
    request: Request,
    response: Response,
    send: (response: Response) => void,
  ): void {
    const way = `${request.method} ${request.pattern ?? declaredPath(request, this.#parts.view.root)}`;
    warn(this.#logger, `${way} was answered with a 503: it took more than ${this.#parts.handlerTimeout} ms.`);
    request.abort(new DOMException('The answer takes too long.', 'TimeoutError'));
    void this.#throwAway(responded, request, response, way);
    const answer = responseTo(request);
    answer.signal = request.departure();
    answer.adopt(response);
    void proceed(this.#fail(error, request, answer), () => this.#finish(request, answer, send));
  }

  /** What comes when the time is over: it gives back what it holds, and an error is told, unless it is what the handler was told. */
  async #throwAway(responded: PromiseLike<void>, request: Request, response: Response, way: string): Promise<void> {
    try {
      await responded;
      response.fail(503);
    } catch (error) {
      if (!request.isDeparture(error)) report(this.#logger, `${way} failed when its time was over.`, error);
    }
  }

  #refuseWhenBusy(request: Request): void {
    const {maxRequests} = this.#parts;
    if (this.#answering - this.#refused.size <= maxRequests) {
      return this.#overload.recover('The site takes all requests again.');
    }
    this.#refused.add(request);
    const error = new EspalierError('SITE_BUSY', 'The site has too much to do. Come back in a moment.', {
      status: 503,
      headers: {'Retry-After': '1'},
    });
    this.#overload.fail(`More than ${maxRequests} requests are under way: others get a 503 (maxRequests).`, error);
    throw error;
  }

  /** Make the response tell of an error: as the site's own `onError` does, or as we do. */
  #fail(error: unknown, request: Request, response: Response): Awaitable<void> {
    const {onError} = this.#parts;
    const problem = this.#reported(error, request);
    beginProblem(response, problem);
    const tell = (told: Problem) => void problemResponse(this.#explained(told, request), request, response);
    if (!onError) return tell(problem);
    response.giver = 'onError()';
    // What it answers may depend on that, and what we do does.
    response.vary('Accept');
    return recovered(
      () =>
        proceed(onError(withStatus(error, problem.status), request, response), result =>
          result === undefined ? tell(problem) : render(result, request, response),
        ),
      another => tell(another === error ? problem : this.#reported(another, request)),
    );
  }

  /** In development, what is not there and what is not allowed is explained. */
  #explained(problem: Problem, request: Request): Problem {
    if (!commandLine().isDevelopment || (problem.status !== 404 && problem.status !== 405)) return problem;
    const host = request.host === undefined || request.path === '*' ? '' : `http://${request.host}`;
    const explanation = explain(this.#parts, request.method, host + request.path + request.search);
    const {status, reason} = explanation.answer;
    const isSame = status === problem.status;
    return {...problem, explanation: {rows: rowsOf(explanation), reason: isSame ? reason : decidedOnTheWay(status)}};
  }

  /** The problem that an error stands for. An unexpected error is told to the log alone, an outage once and not for each request. */
  #reported(error: unknown, request: Request): Problem {
    const instance = isOutageTold(error) ? undefined : `urn:uuid:${randomUUID()}`;
    const problem = problemOf(error, instance);
    if (problem.instance !== undefined && !request.isDeparture(error)) {
      // What a path captures may be a secret.
      const way = request.pattern ?? declaredPath(request, this.#parts.view.root);
      report(this.#logger, `${request.method} ${way} failed: ${instance}`, error);
      traceFailure(request, error);
    }
    return problem;
  }

  #finish(request: Request, response: Response, send: (response: Response) => void): void {
    const settled = recovered(
      () => request.settle(response),
      error => this.#fail(error, request, response),
    );
    void proceed(settled, () => {
      this.#refused.delete(request);
      this.#answering -= 1;
      if (this.#answering === 0) this.#onIdle?.();
      if (response.conversation) response.conversation.afterEnd(() => request.leave());
      else if (response.stream) response.onStreamEnd = () => request.end();
      else request.end();
      request.handOver(response);
      send(response);
    });
  }

  #refuseWhenClosed(): void {
    if (!this.#closing) return;
    throw new EspalierError('SITE_CLOSED', 'The site is closed.', {status: 503});
  }

  async #close(): Promise<void> {
    const {sessions, drainTimeout} = this.#parts;
    const closed = this.#server.close(drainTimeout);
    await Promise.all([closed, this.#idle(), sessions.stopDelivery(drainTimeout)]);
    await this.#parts.hold.end();
  }

  /** Resolves when nothing is being answered any more, after the drain timeout at the latest. */
  async #idle(): Promise<void> {
    if (this.#answering === 0) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#parts.drainTimeout);
    this.#onIdle = resolve;
    await promise;
    clearTimeout(timer);
  }
}

/** Why an answer is not the one that the classes alone tell of. */
function decidedOnTheWay(status: number): string {
  return `The classes alone lead to a ${status}, but a method with @Child gave nothing, or middleware or the handler answered otherwise.`;
}

function responseTo(request: Request): Response {
  const response = new Response();
  response.request = request;
  response.isHead = request.method === 'HEAD';
  return response;
}

// By identity: what a handler throws may throw itself when it is looked at.
const late = new WeakSet<object>();

function tooLate(): EspalierError {
  const error = new EspalierError('HANDLER_TIMEOUT', 'The answer takes too long.', {status: 503});
  late.add(error);
  return error;
}

function isTooLate(error: unknown): boolean {
  return late.has(error as object);
}

function boundsOf({
  drainTimeout = siteDefaults.drainTimeout,
  handlerTimeout,
  maxRequests = Infinity,
}: SiteOptions): Pick<Parts, 'drainTimeout' | 'handlerTimeout' | 'maxRequests'> {
  return {drainTimeout, handlerTimeout, maxRequests};
}

function isBelow(mountPath: string, url = '/'): boolean {
  return url.startsWith(mountPath) && /^(?:[/?]|$)/.test(url.slice(mountPath.length));
}

/** As Express has it: what is left of the path, and beside it the whole. */
function moved(message: IncomingMessage & {originalUrl?: string}, mountPath: string): IncomingMessage {
  message.originalUrl ??= message.url!;
  message.url = message.url!.slice(mountPath.length).replace(/^(?!\/)/, '/');
  return message;
}

function limitsOf({bodyLimit, bodyCodings, trustProxy}: SiteOptions): Omit<RequestSettings, 'clock'> {
  return {
    bodyLimit: bodyLimit ?? siteDefaults.bodyLimit,
    bodyCodings: bodyCodings ?? siteDefaults.bodyCodings,
    trust: compileTrust(trustProxy ?? siteDefaults.trustProxy),
  };
}

function refuseTaken(container: Container): void {
  if (!container.isCurrentBound(SessionService)) return;
  throw new EspalierError(
    'CONTAINER_TAKEN',
    'This container serves another site already. Close that one first, or give each a container, with what they share in a common parent.',
  );
}

/** Bind what the application has not: it may replace the store, the clock, the token source and the logger. */
function bindServices(hold: SiteContainer, {modules = [], sessions = {}}: SiteOptions, hasMemory = true): void {
  const {container} = hold;
  const isStoreOurs = !container.isBound(SessionStore);
  const isBroadcastOurs = !container.isBound(Broadcast);
  hold.attempt(() => hold.load(modules), undefined);
  if (!container.isBound(Clock)) container.bind(Clock).toConstantValue(systemClock);
  if (!container.isBound(Logger)) container.bind(Logger).toConstantValue(console);
  if (!container.isBound(TokenSource)) container.bind(TokenSource).toConstantValue(randomToken);
  if (hasMemory && !container.isBound(SessionStore)) bindMemoryStore(container, sessions);
  hold.attempt(() => hold.refusePromised(SessionStore), undefined);
  if (!container.isBound(Broadcast)) {
    container
      .bind<Broadcast>(Broadcast)
      .toResolvedValue(() => new LocalBroadcast())
      .inSingletonScope();
  }
  if (isBroadcastOurs) container.onDeactivation<Broadcast>(Broadcast, broadcast => broadcast.close());
  if (isStoreOurs) container.onDeactivation<SessionStore>(SessionStore, store => store.close() as Promise<void> | void);
  container
    .bind(SessionService)
    .toResolvedValue(
      (store: SessionStore, newToken: TokenSource, clock: Clock, logger: Logger) =>
        new SessionService({store, newToken, clock, logger}, sessions),
      [SessionStore, TokenSource, Clock, Logger],
    )
    .inSingletonScope()
    .onDeactivation(service => service.close());
}

/**
 * @internal The store of the sessions of a site that is not made, or nothing where it would be in the memory of that site's process.
 */
export function openStore(options: SiteOptions): {readonly store: SessionStore; close(): Promise<void>} | undefined {
  const hold = new SiteContainer(options.container ?? new Container());
  hold.bring(() => bindServices(hold, options, false));
  const {container} = hold;
  if (!container.isBound(SessionStore)) return undefined;
  return {store: container.get<SessionStore>(SessionStore), close: () => hold.end()};
}

/** What stands for the sessions of a site that is not made: their options are taken, and there is no store. */
function sessionsAlone({sessions}: SiteOptions): SessionService {
  const store = {} as SessionStore;
  return new SessionService({store, newToken: randomToken, clock: systemClock, logger: console}, sessions);
}

function bindMemoryStore(container: Container, {memoryLimit, memoryBytes}: NonNullable<SiteOptions['sessions']>): void {
  const limits = {
    limit: memoryLimit ?? MemoryStore.defaults.limit,
    bytes: memoryBytes ?? MemoryStore.defaults.bytes,
  };
  const {host} = commandLine();
  // Time that is not the machine's nobody else can keep.
  const make = (clock: Clock, logger: Logger) =>
    host && clock === systemClock
      ? (host.makeStore(limits) as SessionStore)
      : new MemoryStore({clock, logger, ...limits});
  container.bind<SessionStore>(SessionStore).toResolvedValue(make, [Clock, Logger]).inSingletonScope();
}

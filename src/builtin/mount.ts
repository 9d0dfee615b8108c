import type {Awaitable} from '../awaitable.ts';
import {describe, EspalierError} from '../errors.ts';
import {rest, whole} from '../http/hand-on.ts';
import type {Request} from '../http/request.ts';
import {toWebRequest} from '../http/web.ts';
import {checkOptions, flag, optionInvalid, type Kinds} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Resource} from '../resource/resource.ts';
import {Any} from '../resource/verbs.ts';
import {refusable} from './refusable.ts';

/** What a mounted handler is told besides the WHATWG `Request`. */
export interface MountContext {
  /** The visitor's address, as `request.ip`; empty where there is none. */
  readonly ip: string;
  /** The request as resources know it. */
  readonly request: Request;
}

/** A WHATWG handler, as Hono's `app.fetch` is one. */
export type Fetch = (request: globalThis.Request, context: MountContext) => Awaitable<globalThis.Response>;

/** How a handler is mounted. */
export interface MountOptions {
  /**
   * Whether its URL has the whole path, as the visitor sees it, with what leads to its place. Default: false, the path begins at its
   * place, as with Hono's `mount`.
   */
  readonly wholePath?: boolean;
}

const mountKinds: Kinds<MountOptions> = {wholePath: flag};

/** What holds where `MountOptions` are silent. */
export const mountDefaults = {wholePath: false} as const;

/**
 * A resource that has a WHATWG handler answer for its place and all below it, by every method. The body comes as a stream, with
 * back-pressure, whatever `bodyLimit` says; `request.signal` is aborted when the client goes. An error that it throws is answered as one
 * of a resource; what is no `Response` is a 500, `RESULT_UNSUPPORTED`. It begins no session. CONNECT and TRACE, which no WHATWG
 * request can have, are a 501. Throws `OPTION_INVALID`.
 */
export const mount = refusable(makeMount);

function makeMount(fetch: Fetch, options: MountOptions = {}): ResourceClass {
  if (typeof fetch !== 'function') {
    throw optionInvalid(`mount() was given ${describe(fetch)}. Give it a function, like app.fetch.`);
  }
  checkOptions('mount()', options, mountKinds);
  const {wholePath} = {...mountDefaults, ...options};
  @Resource({leaf: true})
  class Mounted {
    @Any()
    async answer(request: Request): Promise<globalThis.Response> {
      const asked = toWebRequest(request, wholePath ? whole(request) : rest(request));
      return responseOf(await fetch(asked, {ip: request.ip, request}), request);
    }
  }
  return Mounted;
}

/** The answer as a `Response` of this process: that of a package like undici is of a class of its own. */
function responseOf(answer: globalThis.Response, request: Request): globalThis.Response {
  if (answer instanceof globalThis.Response) return answer;
  if (Object.prototype.toString.call(answer) !== '[object Response]') {
    const wayOut = 'It has to return a WHATWG Response, or a promise of one.';
    const message = `What is mounted at ${request.pattern} returned ${describe(answer)}. ${wayOut}`;
    throw new EspalierError('RESULT_UNSUPPORTED', message);
  }
  const {status, headers, body} = answer;
  return new globalThis.Response(body, {status, headers: [...headers]});
}

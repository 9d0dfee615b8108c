import {Readable} from 'node:stream';
import type {RequestInit} from './request.ts';
import {connectionHeaders, type Response} from './response.ts';

/** What a WHATWG `Request` says, in our terms. */
export function fromWebRequest(web: globalThis.Request): RequestInit {
  const {pathname, search, host, protocol} = new URL(web.url);
  return {
    method: web.method,
    url: pathname + search,
    headers: {host, ...Object.fromEntries(web.headers)},
    secure: protocol === 'https:',
    signal: web.signal,
    ...(web.body && {body: web.body as AsyncIterable<Uint8Array>}),
  };
}

/** The answer as a WHATWG `Response`. */
export function toWebResponse(response: Response): globalThis.Response {
  const headers = new Headers();
  const list = response.headerList();
  for (let at = 0; at < list.length; at += 2) headers.append(list[at]!, list[at + 1]!);
  return new globalThis.Response(webBody(response.sentBody), {status: response.status, headers});
}

function webBody(body: Response['sentBody']): BodyInit | null {
  if (body === undefined) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body as BodyInit;
  const bytes = Readable.from(body, {objectMode: false});
  return Readable.toWeb(bytes) as BodyInit;
}

/** No longer true of a body that `fetch()` has decoded. */
const encodingHeaders = ['content-encoding', 'content-length'];

/** Take over the status and headers of a WHATWG `Response`: they win over those set before, and its cookies are added. */
export function adoptWebHead(web: globalThis.Response, response: Response): void {
  // Only a response that was fetched has a URL.
  const dropped = new Set(web.url === '' ? connectionHeaders : [...connectionHeaders, ...encodingHeaders]);
  response.status = web.status;
  for (const [name, value] of web.headers) {
    if (name === 'set-cookie') response.appendHeader('Set-Cookie', value);
    else if (!dropped.has(name)) response.setHeader(name, value);
  }
}

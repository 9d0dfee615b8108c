import {proceed, type Awaitable} from '../awaitable.ts';
import {describe, EspalierError} from '../errors.ts';
import {Conversation} from '../http/conversation.ts';
import {Html} from '../http/html.ts';
import type {Request} from '../http/request.ts';
import {Response, type Body} from '../http/response.ts';
import {dismiss, isSpent, primed} from '../http/stream.ts';
import {adoptWebHeaders} from '../http/web.ts';
import {Answer, type OpenAnswer} from './answer.ts';
import {isKept, lossIn, type Loss} from './loss.ts';

/**
 * Turn what a handler or a middleware returned into the response's body. Throws `RESULT_UNSUPPORTED`, which names the method and
 * the kind of thing it returned, never its text.
 */
export function render(result: unknown, request: Request, response: Response): Awaitable<void> {
  const method = response.giver;
  if (typeof result === 'string') return fill(response, result, 'text/plain; charset=utf-8');
  if (result === undefined) return undefined;
  if (result instanceof Conversation) return void (response.conversation = result);
  if (result instanceof Html) return fill(response, result.toString(), 'text/html; charset=utf-8');
  if (result instanceof Uint8Array) return fill(response, whole(result, method), 'application/octet-stream');
  if (result instanceof globalThis.Response) return renderWeb(result, response);
  if (result instanceof Response) return renderOther(result, response);
  if (result instanceof Answer) return renderAnswer(result, request, response);
  // Before plain objects: an object literal can be an async iterable.
  if (isAsyncIterable(result)) return renderStream(result, response);
  if (isPlain(result)) return fill(response, toJson(result, method), 'application/json');
  throw unsupported(method, describe(result));
}

function fill(response: Response, body: Body, type: string): void {
  response.body = body;
  response.defaultType(type);
}

async function renderWeb(web: globalThis.Response, response: Response): Promise<void> {
  const method = response.giver;
  if (web.type === 'error') throw unsupported(method, 'a Response that stands for a network error');
  if (web.body && isSpent(web)) throw unsupported(method, 'a Response that has been sent before');
  if (web.body?.locked) throw unsupported(method, 'a Response whose body has a reader already');
  if (web.bodyUsed) throw unsupported(method, 'a Response whose body has been read before');
  response.status = web.status;
  const first = web.body ? await begin(web.body as AsyncIterable<Uint8Array>, response) : undefined;
  adoptWebHeaders(web, response, first);
  if (response.body) response.defaultType('application/octet-stream');
}

/** What another site has answered. */
function renderOther(other: Response, response: Response): Awaitable<void> {
  const method = response.giver;
  if (other === response) throw unsupported(method, 'the Response that it was given');
  if (isSpent(other)) throw unsupported(method, 'a Response that has been sent before');
  response.status = other.status;
  const {body} = other;
  if (isAsyncIterable(body)) return proceed(begin(body, response), () => response.adopt(other));
  response.body = body;
  return response.adopt(other);
}

function renderAnswer(answer: Answer, request: Request, response: Response): Awaitable<void> {
  return proceed(opened(answer, request, response), open => {
    if (isSpent(open)) throw unsupported(response.giver, 'what next() gave for another request');
    return proceed(open.write(request, response), body => render(body, request, response));
  });
}

/** Open an answer. Where nobody waits for that any more, it gives back what it holds, and this throws why. */
export function opened(answer: Answer, request: Request, response: Response): Awaitable<OpenAnswer> {
  const {signal = request.signal} = response;
  if (!signal.aborted) return answer.open(request, signal);
  answer.dismiss();
  throw signal.reason;
}

async function renderStream(source: AsyncIterable<unknown>, response: Response): Promise<void> {
  if (isSpent(source)) throw unsupported(response.giver, 'a stream that has been read, or sent, before');
  const first = await begin(source, response);
  response.defaultType(typeof first === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream');
}

/**
 * Have the stream be the body, and give its first chunk; where no body is sent, or nobody waits for it any more, it gives back what it
 * holds.
 */
async function begin(source: AsyncIterable<unknown>, response: Response): Promise<unknown> {
  response.body = source as Body;
  // Of what type it is, the first chunk tells; HEAD is to have it too.
  const isTyped = !response.isHead || response.header('Content-Type') !== undefined;
  if (response.sentBody === undefined && isTyped) return dismiss(source);
  const {first, chunks} = await primed(source, () => response.onStreamEnd?.(), response.signal);
  response.body = chunks;
  if (response.isHead) dismiss(chunks);
  return first;
}

/** Whether a result may take from another one while it is sent. */
export function isMadeOf(result: unknown, other: unknown): boolean {
  return isStreamed(other) && (isStreamed(result) || result instanceof Answer);
}

function isStreamed(result: unknown): boolean {
  return isAsyncIterable(result) || result instanceof globalThis.Response || result instanceof Response;
}

/** Have a result that is not answered with give back what it holds. */
export function dismissResult(result: unknown): void {
  if (result instanceof Answer) return result.dismiss();
  if (result instanceof Conversation) return result.abandon();
  const source = result instanceof globalThis.Response || result instanceof Response ? result.body : result;
  const isLocked = source instanceof ReadableStream && source.locked;
  if (isAsyncIterable(source) && !isLocked) dismiss(source);
}

/** Node fails on bytes whose memory another thread has been given when their head is out already. */
function whole(bytes: Uint8Array, method: string): Uint8Array {
  const {detached = false} = bytes.buffer as {detached?: boolean};
  if (detached) throw unsupported(method, 'bytes that were transferred elsewhere');
  return bytes;
}

function isPlain(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Parsers of cookies and queries give objects whose prototype has nothing either.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function toJson(value: object, method: string): string {
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined && (isKept(value) || !lossIn(value))) return text;
  } catch (cause) {
    throw inexpressible(value, method, {cause});
  }
  throw inexpressible(value, method);
}

function inexpressible(value: object, method: string, options?: ErrorOptions): EspalierError {
  const loss = lossIn(value);
  if (loss) return lossy(value, method, loss);
  return new EspalierError('RESULT_UNSUPPORTED', `${method} returned an object that JSON can't express.`, options);
}

function lossy(value: object, method: string, {what, pointer}: Loss): EspalierError {
  const given = Array.isArray(value) ? 'a list' : 'an object';
  const wayOut =
    'JSON can not say what it holds. Return a plain object or a list in its place, or give its class a toJSON().';
  return new EspalierError('RESULT_UNSUPPORTED', `${method} returned ${given} with ${what} at ${pointer}. ${wayOut}`);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function unsupported(method: string, kind: string): EspalierError {
  return new EspalierError(
    'RESULT_UNSUPPORTED',
    `${method} returned ${kind}. Return a string, html\`…\`, a plain object or array, bytes, a stream, a Response, or nothing.`,
  );
}

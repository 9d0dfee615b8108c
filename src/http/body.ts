import type {IncomingHttpHeaders} from 'node:http';
import {parse as parseContentType, type ContentType} from 'content-type';
import createError from 'http-errors';
import type {Awaitable} from '../awaitable.ts';
import {parseJson} from './json.ts';
import {partsOf} from './multipart.ts';

/** Whether the headers of a request over HTTP/1.1 say that a body comes (RFC 9112, section 6.3). */
export function announcesBody({
  'content-length': length = '0',
  'transfer-encoding': encoding,
}: IncomingHttpHeaders): boolean {
  return encoding !== undefined || !/^0+$/.test(length);
}

/** The body as text in the charset its type names, UTF-8 unless it names one. Throws a 400 for bytes that are no such text. */
export function decodeText(bytes: Uint8Array, headers: IncomingHttpHeaders): string {
  const charset = contentType(headers).parameters['charset'] ?? 'utf-8';
  const decoder = decoderOf(charset);
  try {
    return decoder.decode(bytes);
  } catch {
    throw createError(400, `The body is not ${charset} text.`);
  }
}

const utf8 = new TextDecoder('utf-8', {fatal: true});

function decoderOf(charset: string): TextDecoder {
  if (charset === 'utf-8') return utf8;
  try {
    return new TextDecoder(charset, {fatal: true});
  } catch {
    throw createError(415, `The charset ${JSON.stringify(charset)} is not known here.`);
  }
}

const jsonType = 'application/json';
const urlEncodedType = 'application/x-www-form-urlencoded';
const multipartType = 'multipart/form-data';
const formTypes = [urlEncodedType, multipartType];

/** The types of bodies that `decodeBody` reads. */
export const bodyTypes = [jsonType, ...formTypes];

/**
 * The body as its type says: a JSON value, or a form; nothing where there is none. Throws a 415 for another type, and throws or rejects with what
 * `decodeJson` and `decodeForm` do.
 */
export function decodeBody(bytes: Buffer<ArrayBuffer>, headers: IncomingHttpHeaders): Awaitable<unknown> {
  const {type} = contentType(headers);
  if (formTypes.includes(type)) return decodeForm(bytes, headers);
  if (bytes.length === 0) return undefined;
  if (isJson(type)) return parseJson(decodeText(bytes, headers));
  throw wrongType(bodyTypes);
}

/** The body as the JSON value it is. Rejects with a 415 for another type and with what `parseJson` does. */
export async function decodeJson(bytes: Uint8Array, headers: IncomingHttpHeaders): Promise<unknown> {
  if (!isJson(contentType(headers).type)) throw wrongType([jsonType]);
  return parseJson(decodeText(bytes, headers));
}

function isJson(type: string): boolean {
  return /^application\/(?:json|[^\s;/]+\+json)$/.test(type);
}

/** The body as the fields and files of a form, URL-encoded or multipart. Throws a 415 for another type, a 400 for a broken one. */
export function decodeForm(bytes: Buffer<ArrayBuffer>, headers: IncomingHttpHeaders): FormData {
  const {type, parameters} = contentType(headers);
  if (type === urlEncodedType) return urlEncodedForm(decodeText(bytes, headers));
  if (type === multipartType) return multipartForm(bytes, parameters['boundary']);
  throw wrongType(formTypes);
}

/** The most fields of a form: a body within its limit can hold so many that looking at each takes seconds. */
export const fieldLimit = 1000;

function urlEncodedForm(text: string): FormData {
  // Counted before they are looked at. What stands between two separators may be nothing, and counts.
  if (text.split('&', fieldLimit + 1).length > fieldLimit) {
    throw createError(413, `The form has more than ${fieldLimit} fields.`, {limit: fieldLimit});
  }
  const form = new FormData();
  for (const [name, value] of new URLSearchParams(withBlanks(text))) form.append(name, value);
  return form;
}

/** With the blanks that pluses stand for. By bytes: URLSearchParams, and replaceAll() too, take long for a million of them. */
function withBlanks(text: string): string {
  const bytes = Buffer.from(text);
  for (let at = bytes.indexOf('+'); at >= 0 && at < bytes.length; at += 1) if (bytes[at] === 0x2b) bytes[at] = 0x20;
  return bytes.toString();
}

function multipartForm(bytes: Buffer<ArrayBuffer>, boundary: string | undefined): FormData {
  const form = new FormData();
  for (const {name, filename, type = 'text/plain', bytes: content} of partsOf(bytes, boundary, fieldLimit)) {
    const {type: mediaType} = parseContentType(type);
    if (filename === undefined && mediaType !== 'application/octet-stream') {
      form.append(name, decodeText(content, {'content-type': type}));
    } else form.append(name, new File([content], filename ?? '', {type: mediaType}));
  }
  return form;
}

function contentType(headers: IncomingHttpHeaders): ContentType {
  return parseContentType(headers['content-type'] ?? '');
}

/** The error for a body of another type. It says what would be taken (RFC 9110, section 15.5.16). */
export function wrongType(types: readonly string[]): Error {
  const named = [types.slice(0, -1).join(', '), types.at(-1)].filter(Boolean).join(' or ');
  return createError(415, `The body must be ${named}.`, {headers: {Accept: types.join(', ')}});
}

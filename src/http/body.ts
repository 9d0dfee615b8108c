import type {IncomingHttpHeaders} from 'node:http';
import type {Readable} from 'node:stream';
import {finished} from 'node:stream/promises';
import {parse as parseContentType, type ContentType} from 'content-type';
import createError from 'http-errors';
import {getRawBody} from 'raw-body';

/** A request body that is still on its way, with the headers that describe it. */
export interface Incoming {
  readonly stream: Readable;
  readonly headers: IncomingHttpHeaders;
}

/** The whole body. Throws a 413 past `limit` bytes, a 400 when it ends early, a 415 when it is compressed. */
export async function readBytes({stream, headers}: Incoming, limit: number): Promise<Buffer> {
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') throw createError(415, 'A compressed body is not accepted.');
  const length = headers['transfer-encoding'] === undefined ? headers['content-length'] : undefined;
  // Node's server has ended a body that was never to come (`optimizeEmptyRequests`).
  if (stream.readableEnded && length === undefined && headers['transfer-encoding'] === undefined)
    return Buffer.alloc(0);
  return getRawBody(stream, {limit, length: length ?? null}).catch((error: Error & {type?: string}) => {
    throw error.type === 'entity.too.large' ? tooLarge(limit) : error;
  });
}

function tooLarge(limit: number): Error {
  return createError(413, `The body is larger than ${limit} bytes.`);
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

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset, {fatal: true});
  } catch {
    throw createError(415, `The charset ${JSON.stringify(charset)} is not known here.`);
  }
}

/** The body as the JSON value it is. Throws a 415 for another type and a 400 for text that is not JSON. */
export function decodeJson(bytes: Uint8Array, headers: IncomingHttpHeaders): unknown {
  if (!/^application\/(?:json|[^\s;/]+\+json)$/.test(contentType(headers).type)) throw wrongType('application/json');
  try {
    return JSON.parse(decodeText(bytes, headers));
  } catch (error) {
    throw error instanceof SyntaxError ? createError(400, 'The body is not JSON.') : error;
  }
}

/** The body as the fields and files of a form, URL-encoded or multipart. Throws a 415 for another type, a 400 for a broken one. */
export async function decodeForm(bytes: Uint8Array, headers: IncomingHttpHeaders): Promise<FormData> {
  const {type} = contentType(headers);
  if (type === 'application/x-www-form-urlencoded') return urlEncodedForm(decodeText(bytes, headers));
  if (type === 'multipart/form-data') return multipartForm(bytes, headers['content-type']!);
  throw wrongType('application/x-www-form-urlencoded or multipart/form-data');
}

/** The most fields of a form: a body within its limit can hold so many that looking at each takes seconds. */
const fieldLimit = 1000;

function urlEncodedForm(text: string): FormData {
  const form = new FormData();
  const fields = [...new URLSearchParams(text)];
  if (fields.length > fieldLimit) throw tooManyFields();
  for (const [name, value] of fields) form.append(name, value);
  return form;
}

function tooManyFields(): Error {
  return createError(413, `The form has more than ${fieldLimit} fields.`);
}

async function multipartForm(bytes: Uint8Array, type: string): Promise<FormData> {
  const form = new FormData();
  try {
    const entries = await multipartEntries(bytes, type);
    if (entries.length > fieldLimit) throw tooManyFields();
    for (const {name, value} of entries) form.append(name, value);
  } catch (error) {
    throw createError.isHttpError(error)
      ? error
      : createError(400, 'The body is not a complete multipart form.', {cause: error});
  }
  return form;
}

interface Entry {
  readonly name: string;
  value: string | File;
}

async function multipartEntries(bytes: Uint8Array, type: string): Promise<Entry[]> {
  const {Busboy} = await import('@fastify/busboy');
  // The body's limit is the only one: Busboy would cut a long field short and say nothing.
  const parser = new Busboy({headers: {'content-type': type}, limits: {fieldSize: Infinity, parts: fieldLimit + 1}});
  const entries: Entry[] = [];
  parser.on('field', (name: string | undefined, value) => {
    if (name === undefined) parser.destroy(new Error('A part has no name.'));
    else entries.push({name, value});
  });
  parser.on('file', (name: string | undefined, stream, filename: string | undefined, _encoding, mimeType) => {
    const chunks: Buffer<ArrayBuffer>[] = [];
    // Its place among the fields is that of its beginning; its content comes in pieces.
    const entry: Entry = {name: name ?? '', value: ''};
    entries.push(entry);
    stream.on('data', (chunk: Buffer<ArrayBuffer>) => chunks.push(chunk));
    stream.on('end', () => (entry.value = new File(chunks, filename ?? '', {type: mimeType})));
    stream.on('error', error => parser.destroy(error));
  });
  await finished(parser.end(bytes));
  return entries;
}

function contentType(headers: IncomingHttpHeaders): ContentType {
  return parseContentType(headers['content-type'] ?? '');
}

function wrongType(expected: string): Error {
  return createError(415, `The body must be ${expected}.`);
}

import createError from 'http-errors';
import {isRetrieval} from './method.ts';
import type {Request} from './request.ts';
import type {Response} from './response.ts';

/** What is there, as far as conditions ask. */
export interface State {
  readonly tag: string | undefined;
  /** In milliseconds since the epoch. */
  readonly changedAt: number | undefined;
  readonly isThere: boolean;
}

const tagForm = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;
const wholeTag = new RegExp(`^${tagForm.source}$`);

/** Whether a text is a tag of an entity, with its quotes. */
export function isTag(value: unknown): boolean {
  return typeof value === 'string' && wholeTag.test(value);
}

/** A strong tag as it is in a coding, in which the bytes are others. A weak one holds for all (RFC 9110, section 8.8.3.3). */
export function tagIn(coding: string, tag: string): string {
  return tag.startsWith('"') ? `${tag.slice(0, -1)}-${coding}"` : tag;
}

/**
 * Answer the conditions of a GET or HEAD that succeeds, in the order of RFC 9110, section 13.2.2: a 412 is thrown where `If-Match`,
 * or else `If-Unmodified-Since`, does not hold; where by `If-None-Match`, or else by `If-Modified-Since`, the client has the answer
 * already, the response is a 304 from now on. `tagsOf` are the tags that it may go out with.
 */
export function answerConditions(
  request: Request,
  response: Response,
  tagsOf: (tag: string) => readonly string[] = tag => [tag],
): void {
  if (!isRetrieval(request.method) || response.status !== 200) return;
  const tag = response.header('ETag');
  const state = {tag, changedAt: timeOf(response.header('Last-Modified')), isThere: true};
  refuseUnmet(request, state);
  const known = knownOf(request, state, tag === undefined ? [] : tagsOf(tag));
  if (known === undefined) return;
  response.keepUnsent();
  if (known !== '') response.setHeader('ETag', known);
}

/** Throws a 412 where `If-Match`, or else `If-Unmodified-Since`, asks for something else than what is there. */
export function refuseUnmet({headers}: Request, state: State): void {
  const match = headers['if-match'];
  if (match === undefined ? !isUnmodified(headers['if-unmodified-since'], state) : !names(match, state, isSameStrongly))
    throw unmet();
}

/** Throws a 412 where `If-None-Match` names what is there: for methods that change something. */
export function refuseMatched({headers}: Request, state: State): void {
  const none = headers['if-none-match'];
  if (none !== undefined && names(none, state, isSameWeakly)) throw unmet();
}

/** Whether `If-Range` lets a range be sent of what is there: where there is none too. Only what surely is the same does (section 13.1.5). */
export function isRangeCurrent({headers}: Request, {tag, changedAt}: State): boolean {
  const given = headers['if-range'];
  if (typeof given !== 'string') return true;
  if (isTag(given)) return tag !== undefined && isSameStrongly(given, tag);
  const at = timeOf(given);
  return at !== undefined && changedAt !== undefined && seconds(at) === seconds(changedAt);
}

/** A date of HTTP, in any of its three forms (RFC 9110, section 5.6.7). Others are as good as none. */
export function timeOf(field: string | undefined): number | undefined {
  if (field === undefined || !/^[A-Z][a-z]+,? .*\d{2}:\d{2}:\d{2}/.test(field)) return undefined;
  const time = Date.parse(field.endsWith('GMT') ? field : `${field} GMT`);
  return Number.isNaN(time) ? undefined : time;
}

/** By which of the tags that the answer may have the client has it already; empty where it has none. Nothing where it has it not. */
function knownOf({headers}: Request, {changedAt}: State, tags: readonly string[]): string | undefined {
  const none = headers['if-none-match'];
  if (none?.trim() === '*') return tags[0] ?? '';
  if (none !== undefined) return tags.find(tag => listed(none).some(each => isSameWeakly(each, tag)));
  const since = timeOf(headers['if-modified-since']);
  const isKnown = since !== undefined && changedAt !== undefined && seconds(changedAt) <= seconds(since);
  return isKnown ? (tags[0] ?? '') : undefined;
}

function isUnmodified(field: string | undefined, {changedAt}: State): boolean {
  const since = timeOf(field);
  return since === undefined || changedAt === undefined || seconds(changedAt) <= seconds(since);
}

/** Whether a condition names what is there, in whatever coding the client has got it. */
function names(field: string, {tag, isThere}: State, isSame: (one: string, other: string) => boolean): boolean {
  if (field.trim() === '*') return isThere;
  return tag !== undefined && listed(field).some(each => isSame(each, tag) || isSame(tagWithoutCoding(each), tag));
}

function tagWithoutCoding(tag: string): string {
  return tag.replace(/-(?:zstd|br|gzip)"$/, '"');
}

function listed(field: string): readonly string[] {
  return field.match(tagForm) ?? [];
}

function isSameStrongly(one: string, other: string): boolean {
  return one === other && !one.startsWith('W/');
}

function isSameWeakly(one: string, other: string): boolean {
  return one.replace(/^W\//, '') === other.replace(/^W\//, '');
}

/** HTTP has no finer dates. */
function seconds(time: number): number {
  return Math.floor(time / 1000);
}

function unmet(): Error {
  return createError(412, 'What is there is not what the condition of this request asks for: it has been changed.');
}

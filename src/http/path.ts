import createError from 'http-errors';

/** The most segments that a path may have: each can cost as much as the application likes. */
const segmentLimit = 1000;

const none: readonly string[] = Object.freeze([]);

/**
 * The parts of a request target (RFC 9112, section 3.2): the path as sent, and the query without its `?`. A server must
 * also accept the absolute form, `http://host/path`, whose host then counts. One with a user and password is left whole, which
 * is no path (RFC 9110, section 4.2.4).
 */
export function splitTarget(target: string): {host: string | undefined; path: string; query: string} {
  if (target.startsWith('/')) return splitOrigin(undefined, target);
  // An outer server that has cut off all of the path may have left the slash out.
  if (target === '' || target.startsWith('?')) return splitOrigin(undefined, `/${target}`);
  const [, host, rest] = /^https?:\/\/([^/?#@]+)(?![^/?#])(.*)$/i.exec(target) ?? [];
  return splitOrigin(host, rest === undefined ? target : rest.replace(/^(?!\/)/, '/'));
}

function splitOrigin(host: string | undefined, origin: string): ReturnType<typeof splitTarget> {
  const mark = origin.indexOf('?');
  if (mark < 0) return {host, path: origin, query: ''};
  return {host, path: origin.slice(0, mark), query: origin.slice(mark + 1)};
}

/**
 * The segments of a path: split at `/` first, then each percent-decoded once, as UTF-8, so that `%2F` stays inside its
 * segment. `/` has none; a trailing slash is a last, empty segment. Throws a 400 for what can't be decoded and for
 * segments that would mean something to a file system: `.`, `..` and NUL, encoded or not; a 414 for more than 1,000 segments.
 */
export function decodePath(path: string): readonly string[] {
  if (path === '/') return none;
  if (!path.startsWith('/')) throw createError(400, 'The request target is neither a path nor an absolute URL.');
  if (!/^[\x21-\x7e]*$/.test(path)) throw createError(400, 'The path holds a character that must be percent-encoded.');
  // Most are as they should be: decoding is looked for once, in the path as a whole.
  const isEncoded = path.includes('%') || path.includes('/.');
  const segments: string[] = [];
  // Not by split(), which takes half as long again.
  for (let start = 1, end = 0; end < path.length; start = end + 1) {
    if (segments.length === segmentLimit) throw createError(414, `The path has more than ${segmentLimit} segments.`);
    const slash = path.indexOf('/', start);
    end = slash < 0 ? path.length : slash;
    const segment = path.slice(start, end);
    segments.push(isEncoded ? decodeSegment(segment) : segment);
  }
  return segments;
}

function decodeSegment(raw: string): string {
  if (!raw.includes('%') && !raw.startsWith('.')) return raw;
  const segment = percentDecode(raw);
  if (segment === '.' || segment === '..') throw createError(400, 'The path holds a dot segment.');
  if (segment.includes('\0')) throw createError(400, 'The path holds a NUL.');
  return segment;
}

function percentDecode(raw: string): string {
  try {
    return decodeURIComponent(raw);
  } catch {
    throw createError(400, 'The path is not percent-encoded UTF-8.');
  }
}

/** The path of these segments, each encoded so that nothing in it is a separator for any client. */
export function encodePath(segments: readonly string[]): string {
  return `/${segments.map(encodeURIComponent).join('/')}`;
}

/** A segment as patterns have it, where a colon first is a capture and a slash an end: of a segment itself those are encoded. */
export function patternSegment(segment: string): string {
  return segment.replace(/^:|[/%]/g, encodeURIComponent);
}

/** The segment itself, of one as patterns have it. */
export function segmentOf(pattern: string): string {
  return pattern.replace(/%(?:3A|2F|25)/g, decodeURIComponent);
}

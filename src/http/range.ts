/** The bytes from `start` to `end`, both among them. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The one range of bytes that a header `Range` asks for, of so many (RFC 9110, section 14.1.2); `unsatisfiable` where nothing is
 * there. Nothing for what is no range, in another unit, or several ranges: then the whole is the answer.
 */
export function rangeOf(header: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || first + last === '') return undefined;
  if (first === '') return suffixOf(Number(last), size);
  const start = Number(first);
  const end = last === '' ? Infinity : Number(last);
  if (end < start) return undefined;
  return start < size ? {start, end: Math.min(end, size - 1)} : 'unsatisfiable';
}

/** Of nothing no range can be told, so its end is all of it. */
function suffixOf(length: number, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0) return 'unsatisfiable';
  return size === 0 ? undefined : {start: Math.max(0, size - length), end: size - 1};
}

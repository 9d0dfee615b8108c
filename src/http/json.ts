import createError from 'http-errors';

/** The most levels of a nest in a body: who goes through it calls themselves for each level, and the stack is only so high. */
const nestLimit = 500;

/** How many names, texts, lists and objects a body may always have. A million bytes of them take seconds to parse. */
const partLimit = 20_000;
/** A body that may have more bytes than usual may have one for so many of them. */
const bytesPerPart = 53;

const quotationMark = 0x22;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** The value that a JSON text says, which may have `limit` bytes. Throws a 400 for no JSON and for too deep a nest, a 413 for too much. */
export function parseJson(text: string, limit: number): unknown {
  refuseLarge(text, Math.max(partLimit, Math.floor(limit / bytesPerPart)));
  try {
    return JSON.parse(text);
  } catch {
    throw createError(400, 'The body is not JSON.');
  }
}

// Counted before they are parsed. What is no JSON may be counted wrong, and is refused then.
function refuseLarge(text: string, limit: number): void {
  let level = 0;
  let parts = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quotationMark) at = endOfText(text, at);
    else if (code === openList || code === openObject) level += 1;
    else {
      if (code === closeList || code === closeObject) level -= 1;
      continue;
    }
    parts += 1;
    if (level > nestLimit) throw createError(400, `The JSON has a nest of more than ${nestLimit} levels.`);
    if (parts > limit) throw createError(413, `The JSON has more than ${limit} names, texts, lists and objects.`);
  }
}

/** Where the quotation mark stands that ends a text. */
function endOfText(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quotationMark) return at;
    if (code === backslash) at += 1;
  }
  return text.length;
}

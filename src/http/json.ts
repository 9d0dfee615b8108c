import {setImmediate as otherWork} from 'node:timers/promises';
import createError, {isHttpError} from 'http-errors';
import {recovered, type Awaitable} from '../awaitable.ts';

/** The most levels of a nest in a body: who goes through it calls themselves for each level, and the stack is only so high. */
const nestLimit = 500;

/**
 * How many commas, texts, lists and objects are parsed at a time. A text may take three microseconds, since a name that is new
 * makes an object another kind of object for the engine: a million bytes of them would take a third of a second.
 */
const pieceSize = 10_000;

const quotationMark = 0x22;
const comma = 0x2c;
const backslash = 0x5c;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/**
 * The value that a JSON text says. What holds much is parsed in pieces, and other work is done between them. Throws, or rejects
 * with, a 400 for no JSON and for too deep a nest.
 */
export function parseJson(text: string, size = pieceSize): Awaitable<unknown> {
  return recovered(
    () => (isSmall(text, size) ? (JSON.parse(text) as unknown) : parseInPieces(text, size)),
    error => {
      throw isHttpError(error) ? error : createError(400, 'The body is not JSON.');
    },
  );
}

async function parseInPieces(text: string, size: number): Promise<unknown> {
  const pieces = new JsonPieces(text, size);
  while (!pieces.parseNext()) await otherWork();
  return pieces.value;
}

/** Whether a text is one piece, and no deep nest, whatever its characters say: of most bodies that is known without a look at each. */
function isSmall(text: string, size: number): boolean {
  return text.length <= size && countOf('[', text) + countOf('{', text) <= nestLimit;
}

function countOf(character: string, text: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) count += 1;
  return count;
}

/** A list or object that the text has begun. */
interface Open {
  readonly isList: boolean;
  /** Where its name stands, if it is in an object. */
  readonly nameAt: number;
  readonly nameEnd: number;
  /** What stands in it is put here, if it was begun in an earlier piece. */
  value?: unknown;
}

/**
 * A piece ends at a comma. What is open there is closed for `JSON.parse`, and goes on in the next piece. Where that closes it, a
 * piece ends, too: so each piece is a run of entries of one list or object, and `JSON.parse` sees all of the text.
 */
class JsonPieces {
  value: unknown;
  readonly #text: string;
  readonly #size: number;
  /** Where the next character stands, and where its piece began. */
  #at = 0;
  #start = 0;
  readonly #open: Open[] = [];
  /** How many of these were begun in an earlier piece. */
  #kept = 0;
  #isFirst = true;

  constructor(text: string, size: number) {
    this.#text = text;
    this.#size = size;
  }

  /** Parses another piece; gives whether it was the last. */
  parseNext(): boolean {
    const text = this.#text;
    let parts = 0;
    let nameAt = 0;
    let nameEnd = 0;
    for (; this.#at < text.length; this.#at += 1) {
      const code = text.charCodeAt(this.#at);
      if (code === quotationMark) {
        nameAt = this.#at;
        this.#at = endOfText(text, nameAt);
        nameEnd = this.#at + 1;
        parts += 1;
      } else if (code === openList || code === openObject) {
        this.#begin({isList: code === openList, nameAt, nameEnd});
        parts += 1;
      } else if (code === closeList || code === closeObject) {
        if (this.#end(code === closeList)) parts += 1;
      } else if (code === comma) {
        if (parts >= this.#size && this.#open.length > 0) {
          this.#take();
          return false;
        }
        parts += 1;
      }
    }
    if (this.#open.length > 0) throw new SyntaxError('It ends early.');
    this.#take();
    return true;
  }

  #begin(open: Open): void {
    this.#open.push(open);
    if (this.#open.length > nestLimit) throw createError(400, `The JSON has a nest of more than ${nestLimit} levels.`);
  }

  /** Gives whether a piece ended, too. */
  #end(isList: boolean): boolean {
    const endsPiece = this.#kept > 0 && this.#kept === this.#open.length;
    if (endsPiece) this.#take();
    const open = this.#open.pop();
    if (!endsPiece) return false;
    if (open!.isList !== isList) throw new SyntaxError('Another bracket ends it.');
    this.#kept -= 1;
    this.#start = this.#at + 1;
    return true;
  }

  /** Parses the piece that ends here. */
  #take(): void {
    const begun = this.#open.slice(this.#kept);
    const ends = begun.toReversed().map(({isList}) => (isList ? ']' : '}'));
    const piece = this.#text.slice(this.#start, this.#at) + ends.join('');
    const parent = this.#open[this.#kept - 1];
    if (this.#isFirst) this.value = JSON.parse(piece);
    else if (parent) addEntries(parent, piece);
    // Nothing may follow.
    else JSON.parse(`0 ${piece}`);
    this.#isFirst = false;
    for (const [i, open] of begun.entries()) open.value = this.#valueOf(open, begun[i - 1] ?? parent);
    if (begun.length > 0) refuseEmpty(begun.at(-1)!.value as object);
    this.#kept = this.#open.length;
    this.#start = this.#at;
  }

  /** The last entry of a list or object. */
  #valueOf({nameAt, nameEnd}: Open, parent: Open | undefined): unknown {
    if (!parent) return this.value;
    if (parent.isList) return (parent.value as unknown[]).at(-1);
    return (parent.value as Entries)[JSON.parse(this.#text.slice(nameAt, nameEnd)) as string];
  }
}

/** Adds what follows an entry of a list or object. */
function addEntries({isList, value}: Open, piece: string): void {
  const rest = piece.replace(/^[ \t\n\r]+/, '');
  if (rest === '') return;
  if (!rest.startsWith(',')) throw new SyntaxError('No comma is there.');
  const entries = rest.slice(1);
  const added = JSON.parse(isList ? `[${entries}]` : `{${entries}}`) as object;
  refuseEmpty(added);
  if (isList) for (const entry of added as unknown[]) (value as unknown[]).push(entry);
  else for (const name in added) setEntry(value as Entries, name, (added as Entries)[name]);
}

type Entries = Record<string, unknown>;

function setEntry(entries: Entries, name: string, value: unknown): void {
  if (name !== '__proto__') entries[name] = value;
  // As JSON.parse does: a name like any other.
  else Object.defineProperty(entries, name, {value, writable: true, enumerable: true, configurable: true});
}

/** A comma stands between two entries. */
function refuseEmpty(entries: object): void {
  if (Object.keys(entries).length === 0) throw new SyntaxError('Nothing is beside the comma.');
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

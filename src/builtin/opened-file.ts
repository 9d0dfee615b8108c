import {close, fstat, open, read, realpath, stat, constants, type Stats} from 'node:fs';
import {opendir, readlink, stat as statAgain} from 'node:fs/promises';
import {join, sep} from 'node:path';
import {promisify} from 'node:util';

// Not by `fs/promises`, whose handles cost twice the time.
const calls = {
  open: promisify(open),
  stat: promisify(stat),
  fstat: promisify(fstat),
  read: promisify(read),
  realpath: promisify(realpath.native),
};

/** Nothing waits for whoever writes to a pipe, and no terminal becomes ours. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** So much is read at a time: with less, the calls are what takes the time; with more, the memory that a slow client holds. */
export const pieceSize = 256 * 1024;

/** What is not there for us: for the names that lead to nothing, or to what can't be read like a file. */
const absent: ReadonlySet<unknown> = new Set(
  'ENOENT ENAMETOOLONG ELOOP EINVAL ENXIO ENODEV EOPNOTSUPP ERR_INVALID_ARG_VALUE'.split(' '),
);

/** Why there is nothing to send: it is not there, it must not be seen, or it may not be read. */
export type Lack = 'nothing' | 'refused' | 'forbidden';

/**
 * Open a file or a folder, and nothing else: no device, pipe or socket, which may do something when it is opened. What was opened is
 * what is sent, whatever becomes of its name.
 */
export async function openFile(path: string): Promise<OpenedFile | Lack> {
  try {
    if (!isPlain(await calls.stat(path))) return 'refused';
    const file = new OpenedFile(await calls.open(path, flags), path);
    return await file.look();
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOTDIR') return 'refused';
    if (code === 'EACCES' || code === 'EPERM') return 'forbidden';
    if (absent.has(code)) return 'nothing';
    throw error;
  }
}

function isPlain(stats: Stats): boolean {
  return stats.isFile() || stats.isDirectory();
}

/** A file, or a folder, that is open until it is closed. */
export class OpenedFile {
  /** As it was asked for. */
  readonly path: string;
  readonly #fd: number;
  #stats: Stats | undefined;
  #reads = 0;
  #isClosing = false;

  constructor(fd: number, path: string) {
    this.#fd = fd;
    this.path = path;
  }

  async look(): Promise<this | Lack> {
    try {
      this.#stats = await calls.fstat(this.#fd);
      if (isPlain(this.#stats)) return this;
    } catch (error) {
      this.close();
      throw error;
    }
    this.close();
    return 'refused';
  }

  get stats(): Stats {
    return this.#stats!;
  }

  /** Its name without any link in it; nothing where its name leads elsewhere by now. */
  async realName(byDescriptor = nameOfDescriptor): Promise<string | undefined> {
    return (await byDescriptor(this.#fd)) ?? this.#lookedUpName();
  }

  /** Where nobody tells by what name a descriptor goes: the name is looked up again, and must lead to the same file. */
  async #lookedUpName(): Promise<string | undefined> {
    try {
      const name = await calls.realpath(this.path);
      const [there, here] = [await statAgain(name, {bigint: true}), await bigStats(this.#fd)];
      return there.dev === here.dev && there.ino === here.ino ? name : undefined;
    } catch {
      return undefined;
    }
  }

  /** So many of its entries, one after the other: what is there of a folder while it is read. */
  async *entries(): AsyncGenerator<{name: string; path: string; isLink: boolean}> {
    const name = await this.realName();
    if (name === undefined) return;
    // By the descriptor where that can be: the name may lead elsewhere by now.
    const place = (await nameOfDescriptor(this.#fd)) === undefined ? name : `${descriptors}/${this.#fd}`;
    for await (const entry of await opendir(place)) {
      yield {name: entry.name, path: join(place, entry.name), isLink: entry.isSymbolicLink()};
    }
  }

  /** These bytes, at once. Rejects where they are not there any more. */
  async bytes(start: number, length: number): Promise<Uint8Array> {
    const all = Buffer.allocUnsafeSlow(length);
    for (let filled = 0; filled < length;) {
      const {bytesRead} = await this.#read(all, filled, start + filled);
      if (bytesRead === 0) throw shrunk(this.path);
      filled += bytesRead;
    }
    return all;
  }

  /** Some of the bytes from `start` on: `most` at most, and one at least. Rejects where there are none any more. */
  async piece(start: number, most: number): Promise<Uint8Array> {
    const piece = Buffer.allocUnsafeSlow(most);
    const {bytesRead} = await this.#read(piece, 0, start);
    if (bytesRead === 0) throw shrunk(this.path);
    return piece.subarray(0, bytesRead);
  }

  async #read(into: Uint8Array, offset: number, position: number): Promise<{bytesRead: number}> {
    if (this.#isClosing) throw new Error(`${this.path} is closed already.`);
    this.#reads += 1;
    try {
      return await calls.read(this.#fd, into, offset, into.length - offset, position);
    } finally {
      this.#reads -= 1;
      if (this.#isClosing) this.#end();
    }
  }

  /** Twice is once. While it is read it stays open: its number could be another file's by then. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#end();
  }

  #end(): void {
    if (this.#reads === 0) close(this.#fd, () => undefined);
  }
}

/** The bytes of a file from `start` to `end`, piece by piece as they are asked for. It is closed with the last one. */
export class FileStream implements AsyncIterableIterator<Uint8Array> {
  readonly #file: OpenedFile;
  readonly #end: number;
  readonly #size: number;
  #at: number;

  constructor(file: OpenedFile, start: number, end: number, size = pieceSize) {
    this.#file = file;
    this.#at = start;
    this.#end = end;
    this.#size = size;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#at > this.#end) return this.return();
    try {
      const value = await this.#file.piece(this.#at, Math.min(this.#end - this.#at + 1, this.#size));
      this.#at += value.length;
      if (this.#at > this.#end) this.#file.close();
      return {done: false, value};
    } catch (error) {
      this.#file.close();
      throw error;
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#at = Infinity;
    this.#file.close();
    return {done: true, value: undefined};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const descriptors = '/proc/self/fd';

/** The name by which the system knows an open file, where it tells that: Linux does. */
async function nameOfDescriptor(fd: number): Promise<string | undefined> {
  return process.platform === 'linux' ? readlink(`${descriptors}/${fd}`).catch(() => undefined) : undefined;
}

async function bigStats(fd: number): Promise<{dev: bigint; ino: bigint}> {
  return new Promise((resolve, reject) =>
    fstat(fd, {bigint: true}, (error, stats) => (error ? reject(error) : resolve(stats))),
  );
}

/** Whether a name without links is that of a folder, or of something in it. */
export function isWithin(folder: string, name: string): boolean {
  return name === folder || name.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

function shrunk(path: string): Error {
  return new Error(`${path} has become shorter while it was sent.`);
}

import {StoppableStream, type Chunk} from './stream.ts';

/** Where chunks are written: `ServerResponse` and `Http2ServerResponse` are such. */
export interface Sink {
  /** Whether there is room for more; if not, `drain` is heard when there is. */
  write(chunk: Chunk): boolean;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
}

/** Moves the chunks of a stream to a sink, no faster than that takes them, until it is stopped. */
export class Pump {
  readonly #stream: StoppableStream;
  readonly #sink: Sink;
  #hasRoom: PromiseWithResolvers<void> | undefined;

  constructor(source: AsyncIterable<Chunk>, sink: Sink) {
    this.#stream = new StoppableStream(source, () => undefined);
    this.#sink = sink;
  }

  /**
   * Write every chunk. Rejects with what the source fails with, with a `StreamCut` when it is stopped, and with a RangeError as
   * soon as there are more bytes than `length`, or at the end of fewer: what is too much is not written.
   */
  async run(length?: number): Promise<void> {
    const drained = () => this.#hasRoom?.resolve();
    this.#sink.on('drain', drained);
    try {
      await this.#run(length);
    } finally {
      this.#sink.off('drain', drained);
      this.#stream.stop(false);
    }
  }

  async #run(length: number | undefined): Promise<void> {
    let bytes = 0;
    for (let step = await this.#stream.next(); !step.done; step = await this.#stream.next()) {
      bytes += Buffer.byteLength(step.value);
      if (length !== undefined && bytes > length) throw wrongLength(length, 'more');
      if (this.#sink.write(step.value)) continue;
      this.#hasRoom = Promise.withResolvers();
      await this.#hasRoom.promise;
    }
    if (length !== undefined && bytes < length) throw wrongLength(length, `${bytes}`);
  }

  /**
   * Have it end, as if the source had where what has come is whole, otherwise by failing with a `StreamCut`; and the source give
   * back what it holds, whoever is being waited for.
   */
  stop(isWhole = false): void {
    this.#stream.stop(isWhole);
    this.#hasRoom?.resolve();
  }
}

function wrongLength(length: number, found: string): RangeError {
  return new RangeError(`The Content-Length of a stream was said to be ${length} bytes, but it has ${found}.`);
}

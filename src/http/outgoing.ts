import type {Body, Response} from './response.ts';
import type {Chunk} from './stream.ts';

/** Where the answer goes, as far as a request cares: whether the client is still there. */
export interface Outgoing {
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  /** With HTTP/2 alone. */
  readonly stream?: {readonly aborted: boolean; readonly destroyed: boolean; readonly writableFinished: boolean};
  /** With HTTP/1.1 alone. */
  readonly req?: {readonly socket?: {readonly errored?: Error | null}};
  once(event: 'close', listener: () => void): unknown;
}

/** How an answer ended. */
export interface AnswerEnd {
  /** How many bytes of its body were handed to the connection. */
  readonly bytes: number;
  /** Whether it went out whole: the client was there to the end, and nothing failed. */
  readonly isWhole: boolean;
}

// HTTP/2 counts an answer as finished that was cut short, so there it is the stream that knows: it says `aborted` where that was
// before the end of the answer was handed over.
export function hasLeft(outgoing: Outgoing): boolean {
  const {stream} = outgoing;
  const {destroyed, writableFinished} = stream ?? outgoing;
  if (stream) return stream.aborted || (destroyed && !writableFinished);
  // Node 22 counts as finished, too, what could not be written any more.
  return destroyed && (!writableFinished || Boolean(outgoing.req?.socket?.errored));
}

/**
 * Tell once how an answer ends that is about to go out. Without a connection that is when it is handed over, or when nobody reads
 * its stream any further.
 */
export function watchEnd(response: Response, outgoing: Outgoing | undefined, tell: (end: AnswerEnd) => void): void {
  if (outgoing && (outgoing.stream ?? outgoing).destroyed) return tell({bytes: 0, isWhole: false});
  const {stream} = response;
  const tally = {bytes: 0, isWhole: !stream};
  // Of a body that is no stream what is there at the end: it may be taken back where its head can't be sent.
  const end = () => tell(stream ? {...tally} : {...tally, bytes: sizeOf(response.sentBody)});
  if (stream) response.body = counted(stream, tally, outgoing ? () => undefined : end);
  else if (!outgoing) end();
  outgoing?.once('close', () => {
    tally.isWhole &&= !hasLeft(outgoing);
    end();
  });
}

/** The same for an answer that is on its way already, of which nobody has counted the bytes. */
export function watchLate(response: Response, outgoing: Outgoing | undefined, tell: (end: AnswerEnd) => void): void {
  const end = () => tell({bytes: 0, isWhole: false});
  if (outgoing && !(outgoing.stream ?? outgoing).destroyed) return void outgoing.once('close', end);
  if (outgoing || !response.stream || response.request?.isOver) return end();
  const {onStreamEnd} = response;
  response.onStreamEnd = () => {
    onStreamEnd?.();
    end();
  };
}

function sizeOf(body: Body | undefined): number {
  return typeof body === 'string' || body instanceof Uint8Array ? Buffer.byteLength(body) : 0;
}

/** The same chunks, counted. `onEnd` is called once. */
function counted(
  source: AsyncIterable<Chunk>,
  tally: {bytes: number; isWhole: boolean},
  onEnd: () => void,
): AsyncIterableIterator<Chunk> {
  const iterator = source[Symbol.asyncIterator]();
  let isOver = false;
  const end = (isWhole: boolean) => {
    if (isOver) return;
    isOver = true;
    tally.isWhole = isWhole;
    onEnd();
  };
  const chunks: AsyncIterableIterator<Chunk> = {
    async next() {
      try {
        const step = await iterator.next();
        if (step.done) end(true);
        else tally.bytes += Buffer.byteLength(step.value);
        return step;
      } catch (error) {
        end(false);
        throw error;
      }
    },
    async return() {
      end(false);
      await iterator.return?.();
      return {done: true, value: undefined};
    },
    [Symbol.asyncIterator]: () => chunks,
  };
  return chunks;
}

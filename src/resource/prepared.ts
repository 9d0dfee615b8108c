import type {Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';

/** By this a result that is streamed says of itself what its headers are, and begins, once it is known what it answers. */
export const prepare = Symbol('prepare');

/** A stream that has to know what it answers, as one of events. */
export interface Prepared extends AsyncIterable<unknown> {
  /** Called once, before its first chunk is asked for. What it throws is answered as an error. */
  [prepare](request: Request, response: Response): Awaitable<void>;
}

/** Whether a result is such a stream. */
export function isPrepared(result: object): result is Prepared {
  return prepare in result;
}

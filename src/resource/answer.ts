import type {Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';

/**
 * What a handler may return that becomes an answer when the request is known, as a file does. It is opened, anew for each request, and
 * what is open is written when nothing can take its place any more; whatever is not written is dismissed.
 */
export abstract class Answer {
  /** Nothing else is one to the compiler, whatever members it has. */
  protected readonly isAnswer = true;

  /**
   * @internal Take what the answer is made of. Throws what is to be answered in its place. `signal` is aborted when nobody waits for
   * it any more.
   */
  abstract open(request: Request, signal: AbortSignal): Awaitable<OpenAnswer>;

  /** @internal It is not answered with: give back what it holds. */
  dismiss(): void {
    // Most hold nothing before they are open.
  }
}

/** An answer that is open, for one request. */
export abstract class OpenAnswer extends Answer {
  /** @internal */
  override open(): this {
    return this;
  }

  /** @internal Say in the response's headers what goes out. Gives, or promises, what a handler may return. Called once. */
  abstract write(request: Request, response: Response): Awaitable<unknown>;
}

import type {Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';

/** What a handler may return that becomes an answer when the request is known, as a file does. */
export abstract class Answer {
  /** Nothing else is one to the compiler, whatever members it has. */
  protected readonly isAnswer = true;

  /** @internal Say in the response's headers what goes out. Gives, or promises, what a handler may return. */
  abstract begin(request: Request, response: Response): Awaitable<unknown>;

  /** @internal It is not answered with: give back what it holds. */
  dismiss(): void {
    // Most hold nothing before they begin.
  }
}

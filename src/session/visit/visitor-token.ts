import type {Request} from '../../http/request.ts';
import type {Response} from '../../http/response.ts';
import {clearToken, sendToken, tokenIn, type SessionCookie} from './cookie.ts';
import {uidOf} from './token.ts';

/** The token that a visitor's browser carries, and what it will be told to carry from now on. */
export class VisitorToken {
  readonly #request: Request;
  readonly #cookie: SessionCookie;
  #token: string | undefined;
  #isNew = false;
  #isOver = false;

  constructor(request: Request, cookie: SessionCookie) {
    this.#request = request;
    this.#cookie = cookie;
    this.#token = tokenIn(request, cookie);
  }

  /** Whether it comes over TLS. */
  get isSecure(): boolean {
    return this.#cookie.secure;
  }

  /** Whether the browser has sent one with the request, also one that is malformed, or there twice. */
  get isCarried(): boolean {
    return this.#request.cookieValues(this.#cookie.name).length > 0;
  }

  /** Whether the browser does not have it yet. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** The uid that it stands for. */
  get uid(): string | undefined {
    return this.#token === undefined ? undefined : uidOf(this.#token);
  }

  /** Have the browser carry this one. */
  replace(token: string): void {
    this.#token = token;
    this.#isNew = true;
  }

  /** It stands for nothing, and never will; the browser may keep it. */
  ignore(): void {
    this.#token = undefined;
    this.#isNew = false;
  }

  /** Have the browser carry none. */
  forget(): void {
    this.ignore();
    this.#isOver = true;
  }

  /**
   * Tell the browser. What is new is only sent while its session `isAlive`, and kept by the browser for `age` seconds, or until it
   * is closed.
   */
  send(response: Response, isAlive: boolean, age?: number): void {
    if (this.#isNew && isAlive) sendToken(this.#token!, this.#cookie, response, age);
    else if (this.#isOver && this.isCarried) clearToken(this.#cookie, response);
  }
}

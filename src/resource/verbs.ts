import {classOf, decorating, refuseBareCall, type SetExperimentalDecorators} from '../decorator.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {describe, EspalierError} from '../errors.ts';
import {declarationsOn, type Verb} from './declarations.ts';
import {withPath} from './resource.ts';
import type {Unsendable} from './result.ts';

/** A method that answers requests: what it returns, or promises, becomes the body. */
type Handler<R> = (request: Request, response: Response) => R;

/** Refuses a method that returns what can't be sent, as far as its type tells. */
interface HandlerDecorator {
  <R>(
    target: object,
    name: PropertyKey,
    descriptor: {value?: Handler<R>} & ([Unsendable<Awaited<R>>] extends [never] ? unknown : CannotBeSent<Awaited<R>>),
  ): void;
  (method: object, context: SetExperimentalDecorators): void;
}

/** What stands in the compiler's message. */
interface CannotBeSent<T> {
  readonly 'this handler can return what is not a string, html, a plain object, a list, bytes, a stream, a Response or nothing': Unsendable<T>;
}

function verb(method: Verb): () => HandlerDecorator {
  const decorator = `@${method[0]}${method.slice(1).toLowerCase()}()`;
  return (...given: unknown[]) => {
    decorating(decorator, () => refuseArguments(decorator, given));
    return (target: object, name: PropertyKey) =>
      decorating(decorator, () => declare(classOf(target, decorator, name), method, name));
  };
}

function refuseArguments(decorator: string, given: readonly unknown[]): void {
  refuseBareCall(decorator, given);
  if (typeof given[0] === 'string') throw withPath(decorator);
  if (given.length > 0) throw withArguments(decorator, given[0]);
}

function withArguments(decorator: string, given: unknown): EspalierError {
  const wayOut =
    'The method reads what it needs from the request: await request.json(), request.query, request.params.';
  const message = `${decorator} takes no arguments, and has ${describe(given)}. ${wayOut}`;
  return new EspalierError('DECORATOR_MISPLACED', message);
}

function declare(owner: Function, method: Verb, name: PropertyKey): void {
  const {handlers} = declarationsOn(owner);
  const rival = handlers.get(method);
  if (rival !== undefined) {
    const both = `${String(rival)}() and ${String(name)}()`;
    throw new EspalierError('VERB_TAKEN', `${owner.name} has two methods for ${method}: ${both}. Keep one of them.`);
  }
  handlers.set(method, name);
}

/** The method answers GET, and HEAD unless another does. */
export const Get = verb('GET');
/** The method answers POST. */
export const Post = verb('POST');
/** The method answers PUT. */
export const Put = verb('PUT');
/** The method answers PATCH. */
export const Patch = verb('PATCH');
/** The method answers DELETE. */
export const Delete = verb('DELETE');
/** The method answers OPTIONS, which is otherwise answered from the declared verbs. */
export const Options = verb('OPTIONS');
/** The method answers HEAD, which is otherwise answered as GET without the body. */
export const Head = verb('HEAD');

import {decorating, nothing, onMethod, refuseBareCall, type Decorated} from '../decorator.ts';
import {describe, EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, kind, type Kinds} from '../options.ts';
import {isSchema, wantedSchema} from '../schema.ts';
import {Place} from '../place.ts';
import {declarationsIn, type HandlerDeclaration, type Verb} from './declarations.ts';
import type {HandlerOptions, HasInput, InputOf, Surely} from './input.ts';
import {withPath} from './resource.ts';
import type {CannotBeSent, DoesNotFit, Unfit, Unsendable} from './result.ts';

/** A method that answers requests: what it returns, or promises, becomes the body. */
type Handler<O extends HandlerOptions, R> =
  HasInput<O> extends true
    ? (input: InputOf<O>, request: Request, response: Response) => R
    : (request: Request, response: Response) => R;

/**
 * Refuses a method whose parameters are not those that it is called with, and one that returns what can't be sent, or does not fit
 * the schema of the result, as far as its type tells.
 */
interface HandlerDecorator<O extends HandlerOptions> {
  <R>(method: Handler<O, R> & ResultOf<O, Awaited<R>>, context: ClassMethodDecoratorContext): void;
  // Last: the compiler tells why the last one does not fit.
  <R>(target: object, name: PropertyKey, descriptor: {value?: Handler<O, R>} & ResultOf<O, Awaited<R>>): void;
}

type ResultOf<O extends HandlerOptions, R> = [Unsendable<R>] extends [never]
  ? [Unfit<O, R>] extends [never]
    ? unknown
    : DoesNotFit<Unfit<O, R>>
  : CannotBeSent<R>;

const schema = kind(wantedSchema, isSchema);

const handlerKinds: Kinds<HandlerOptions> = {
  params: schema,
  query: schema,
  headers: schema,
  body: schema,
  status: kind(
    'a whole number from 200 to 599',
    value => Number.isInteger(value) && (value as number) >= 200 && (value as number) <= 599,
  ),
  result: schema,
};

/** `@Get` and its like: without input, or with what is declared. */
interface VerbDecorator {
  (): HandlerDecorator<{}>;
  <O extends HandlerOptions>(options: O & Surely<O>): HandlerDecorator<O>;
}

function verb(method: Verb): VerbDecorator {
  const decorator = `@${method[0]}${method.slice(1).toLowerCase()}()`;
  return (options?: HandlerOptions, ...rest: unknown[]) => {
    if (!decorating(decorator, () => checkArguments(decorator, [options, ...rest]))) return nothing;
    const place = new Place();
    return (target: object, context: unknown) =>
      void decorating(decorator, () => {
        const decorated = onMethod(decorator, target, context, place);
        declare(decorated, method, {name: decorated.name, options: options ?? {}, place});
      });
  };
}

function checkArguments(decorator: string, [options, ...rest]: readonly unknown[]): void {
  if (isSchema(options)) throw withSchema(decorator);
  refuseBareCall(decorator, [options, ...rest]);
  if (typeof options === 'string') throw withPath(decorator);
  if (rest.length > 0) throw withArguments(decorator, rest[0]);
  if (options !== undefined) checkOptions(decorator, options as HandlerOptions, handlerKinds);
}

function withSchema(decorator: string): EspalierError {
  const written = decorator.replace('()', '({body: TheSchema})');
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} was given a schema alone. Write ${written}.`);
}

function withArguments(decorator: string, given: unknown): EspalierError {
  const message = `${decorator} takes one object of options, and has ${describe(given)} beside it.`;
  return new EspalierError('DECORATOR_MISPLACED', message);
}

function declare(decorated: Decorated, method: Verb, handler: HandlerDeclaration): void {
  const {handlers} = declarationsIn(decorated);
  const rival = handlers.get(method);
  if (rival) {
    const both = `${String(rival.name)}() and ${String(handler.name)}()`;
    throw new EspalierError(
      'VERB_TAKEN',
      `${decorated.owner} has two methods for ${method}: ${both}. Keep one of them.`,
    );
  }
  handlers.set(method, handler);
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
/**
 * The method answers QUERY (RFC 10008): a question with a body, which changes nothing and may be asked again. Without a
 * `Content-Type` the answer is a 415. `Accept-Query` says what types are taken.
 */
export const Query = verb('QUERY');
/** The method answers OPTIONS, which is otherwise answered from the declared verbs. */
export const Options = verb('OPTIONS');
/** The method answers HEAD, which is otherwise answered as GET without the body. */
export const Head = verb('HEAD');
/** The method answers whatever no other does, by any method that there is: for what hands requests on. */
export const Any = verb('*');

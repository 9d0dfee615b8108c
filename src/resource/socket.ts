import {decorating, nothing, onClass, onMethod, refuseBareCall} from '../decorator.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import {socketKinds, type SocketOptions} from '../http/web-sockets.ts';
import {checkOptions} from '../options.ts';
import {Place} from '../place.ts';
import {declarationsIn} from './declarations.ts';
import {withPath} from './resource.ts';

/** What every WebSocket has, whoever has declared its type. */
interface AnySocket {
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

type Take<S> = (socket: S, request: Request) => unknown;

/** Refuses a method whose parameters are not those that it is called with. */
interface SocketDecorator {
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- it takes what it can of a method's first parameter
  <S extends AnySocket>(method: Take<S>, context: ClassMethodDecoratorContext): void;
  // Last: the compiler tells why the last one does not fit.
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- as above
  <S extends AnySocket>(target: object, name: PropertyKey, descriptor: {value?: Take<S>}): void;
}

/**
 * The method takes the WebSockets of a resource: it is called with each, a `WebSocket` of the package `ws`, and with the request that
 * opened it, when the guards of its branch have let that pass and the 101 is out. No message is lost that comes before it listens.
 * What it throws, and what its listeners do, closes the socket with 1011 and is logged; an error that the client may be shown closes
 * it with 4000 and its status. When the visitor's session ends the socket is closed with 4401, and when the site closes with 1000.
 *
 * A page of another origin gets a 403, `CSRF_REFUSED`; a request that asks for no WebSocket a 426, unless another method answers GET.
 * Throws `VERB_TAKEN` for a second such method of a class. `createSite` throws `PACKAGE_MISSING` without `ws`.
 */
export function Socket(options: SocketOptions = {}, ...rest: never[]): SocketDecorator {
  if (!decorating('@Socket()', () => checkArguments(options, rest))) return nothing;
  const place = new Place();
  return (target: object, context: unknown) => {
    void decorating('@Socket()', () => {
      const decorated = onMethod('@Socket()', target, context, place);
      const declarations = declarationsIn(decorated);
      if (declarations.socket) throw taken(decorated.owner, declarations.socket.name, decorated.name);
      declarations.socket = {name: decorated.name, options, place};
    });
  };
}

/** @internal Have the handlers of a class answer handshakes too, where it has no such method. The pages of these origins may open them. */
export function declareHandshakes(owner: Function, origins: NonNullable<SocketOptions['origins']>): void {
  declarationsIn(onClass('proxy()', owner, undefined)).handshakes = origins;
}

function checkArguments(options: SocketOptions, rest: readonly unknown[]): void {
  refuseBareCall('@Socket()', [options, ...rest]);
  if (typeof options === 'string') throw withPath('@Socket()');
  checkOptions('@Socket()', options, socketKinds);
}

function taken(owner: string, first: PropertyKey, second: PropertyKey): EspalierError {
  const both = `${String(first)}() and ${String(second)}()`;
  return new EspalierError('VERB_TAKEN', `${owner} has two methods for WebSockets: ${both}. Keep one of them.`);
}

import {noteIn, noteOn, type Decorated, type NoteKey} from '../decorator.ts';
import type {SocketOptions} from '../http/web-sockets.ts';
import type {Place} from '../place.ts';
import type {HandlerOptions} from './input.ts';
import type {MiddlewareClass} from './middleware.ts';

/** A class whose instances answer for a part of the tree. */
// Any arguments: they are the container's business, or those of the method that makes the resource.
export type ResourceClass<T extends object = object> = new (...args: any[]) => T;

/** Options of `@Resource`. */
export interface ResourceOptions {
  /**
   * End the walk here: whatever is left of the path is in `request.postpath`. Default: as in the class that this one extends, or
   * false.
   */
  readonly leaf?: boolean;
}

/** The methods that a handler can be declared for; `*` is for any that no other handler is for. */
export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'QUERY' | 'OPTIONS' | 'HEAD' | '*';

/** A segment that is taken as it is written: what `literal` gives. */
export class Literal {
  /** The segment, decoded. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** One `@Child`: made by the container, or by the method it stands on. */
export interface ChildDeclaration {
  /** As patterns have it: `people`, `:name`, `%3Aname`. */
  readonly segment: string;
  /** The segment, decoded, where it is no capture. */
  readonly literal: string | undefined;
  readonly resource: () => ResourceClass;
  readonly method?: PropertyKey;
}

/** One method that answers a verb. */
export interface HandlerDeclaration {
  readonly name: PropertyKey;
  readonly options: HandlerOptions;
  readonly place: Place;
}

/** The method that takes WebSockets. */
export interface SocketDeclaration {
  readonly name: PropertyKey;
  readonly options: SocketOptions;
  readonly place: Place;
}

/** One middleware that `@Use` puts on the way, and where that stands. */
export interface MiddlewareDeclaration {
  readonly type: MiddlewareClass;
  readonly place: Place;
}

/** What the decorators wrote to one class. */
export interface Declarations {
  options?: ResourceOptions;
  /** Where `@Resource` stands. */
  place?: Place;
  readonly children: Map<string, ChildDeclaration>;
  readonly handlers: Map<Verb, HandlerDeclaration>;
  /** The resources that stand in its place, by the host that is asked for; where there are none, it stands there itself. */
  readonly hosts: Map<string, () => ResourceClass>;
  socket?: SocketDeclaration;
  /** Whose pages may open WebSockets here besides, where it is a handler that answers their handshakes. */
  handshakes?: NonNullable<SocketOptions['origins']>;
  /** What stands before the resource, and all below it. */
  readonly middleware: MiddlewareDeclaration[];
  /** What stands before one method, by its name. */
  readonly around: Map<PropertyKey, readonly MiddlewareDeclaration[]>;
}

const key: NoteKey<Declarations> = Symbol.for('espalier.declarations');

/** What stands on this very class, to be written to by a decorator. Decorators write to the class and nowhere else. */
export function declarationsIn(decorated: Decorated): Declarations {
  return noteIn(key, decorated, blank);
}

function blank(): Declarations {
  return {children: new Map(), handlers: new Map(), hosts: new Map(), middleware: [], around: new Map()};
}

function declarationsOn(target: Function): Declarations {
  return noteOn(key, target) ?? blank();
}

/** Whether `@Resource` stands on this very class: it is not inherited. */
export function isResource(target: Function): boolean {
  return declarationsOn(target).options !== undefined;
}

/** What holds for this class: its own declarations, over those of the classes it extends. */
export function declarationsOf(target: Function): Declarations {
  const own = declarationsOn(target);
  const base = Object.getPrototypeOf(target) as Function | null;
  if (!base || base === Function.prototype) return own;
  const inherited = declarationsOf(base);
  const socket = own.socket ?? inherited.socket;
  const handshakes = own.handshakes ?? inherited.handshakes;
  return {
    options: {leaf: own.options?.leaf ?? inherited.options?.leaf ?? false},
    ...(own.place && {place: own.place}),
    ...(socket && {socket}),
    ...(handshakes && {handshakes}),
    children: new Map([...inherited.children, ...own.children]),
    handlers: new Map([...inherited.handlers, ...own.handlers]),
    hosts: new Map([...inherited.hosts, ...own.hosts]),
    middleware: [...inherited.middleware, ...own.middleware],
    around: joined(inherited.around, own.around),
  };
}

/** A child that was put on a class where it was a leaf already. Others, which a leaf has from a class that was none, it has no use for. */
export function childOnLeaf(target: Function): ChildDeclaration | undefined {
  if (!declarationsOf(target).options?.leaf) return undefined;
  const [child] = declarationsOn(target).children.values();
  return child ?? childOnLeaf(Object.getPrototypeOf(target) as Function);
}

function joined(inherited: Declarations['around'], own: Declarations['around']): Declarations['around'] {
  const all = new Map(inherited);
  for (const [name, middleware] of own) all.set(name, [...(inherited.get(name) ?? []), ...middleware]);
  return all;
}

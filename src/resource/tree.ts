import type {Awaitable} from '../awaitable.ts';
import {systemClock} from '../clock.ts';
import {classOf} from '../container.ts';
import {describe, EspalierError} from '../errors.ts';
import {bodyTypes} from '../http/body.ts';
import {HostTable} from '../http/host-table.ts';
import type {Request} from '../http/request.ts';
import {WebSockets, type SocketOptions} from '../http/web-sockets.ts';
import type {Place} from '../place.ts';
import {
  childOnLeaf,
  declarationsOf,
  isResource,
  type ChildDeclaration,
  type Declarations,
  type ResourceClass,
  type HandlerDeclaration,
  type MiddlewareDeclaration,
  type SocketDeclaration,
  type Verb,
} from './declarations.ts';
import {open} from './gate.ts';
import {inputReader, type HandlerOptions} from './input.ts';
import type {Middleware} from './middleware.ts';
import {undefinedChild, writtenAs} from './resource.ts';

/** What middleware stands before. */
export interface Gated {
  /** The first one asked first: that of a class which another extends comes first. */
  readonly middleware: readonly Middleware[];
  /** Where that was put on the way, one for each. */
  readonly places: readonly Place[];
}

/**
 * All that is known of a resource class in one site: what it answers, and where the walk goes from it. Its middleware stands before all
 * below it too.
 */
export interface Node extends Gated {
  readonly resource: ResourceClass;
  /** How the tree leads to it, for errors. */
  readonly trail: string;
  readonly place: Place | undefined;
  readonly leaf: boolean;
  /** By verb; that of GET answers HEAD too, where nothing else does. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** The method that takes WebSockets, where one does. */
  readonly socket: SocketHandler | undefined;
  /** Whose pages may open WebSockets here, beside the site's own; nothing where none is opened. */
  readonly socketOrigins: SocketOptions['origins'];
  /** The value of `Allow`: the declared verbs, and HEAD and OPTIONS, which are answered anyway. */
  readonly allow: string;
  /** The value of `Accept-Query` (RFC 10008, section 3): the types that a QUERY may have; nothing where it answers none. */
  readonly acceptQuery: string | undefined;
  readonly literals: Map<string, Branch>;
  capture: Branch | undefined;
  /** What stands in its place, by the host that is asked for. */
  hosts: Hosts | undefined;
}

/** Ways to the resources of several hosts. */
export interface Hosts {
  readonly branches: Map<string, Branch>;
  readonly table: HostTable<Branch>;
}

/** A method that answers a verb, or makes a child. */
export interface Method {
  readonly name: PropertyKey;
  /** What errors call it: `Page.show()`. */
  readonly title: string;
}

/** A method that answers a verb. Its middleware stands before it alone. */
export interface Handler extends Method, Gated {
  readonly verb: Verb;
  readonly options: HandlerOptions;
  readonly place: Place;
  /** Reads the input that it declares, where it does. */
  readonly read: ((request: Request) => Awaitable<unknown>) | undefined;
}

/** A method that takes WebSockets. Its middleware stands before it alone. */
export interface SocketHandler extends Method, Gated {
  readonly options: SocketOptions;
  readonly place: Place;
  readonly sockets: WebSockets;
}

/** The way from a resource to a child. */
export interface Branch {
  readonly node: Node;
  /** The child, where the container has made it. */
  readonly instance?: object;
  /** The method of the parent that makes the child, where one does. */
  readonly method?: Method;
  /** The name that a captured segment goes by. */
  readonly capture?: string;
  /** How many segments it takes: none where it is for a host. */
  readonly length: 0 | 1;
  /** Whether the path alone leads here. */
  readonly isFixed: boolean;
}

/** Makes the one instance of a class in this site. `trail` says how the tree leads to it, for the error. */
export type Resolve = (resource: ResourceClass, trail: string) => object;

/** Do what may be refused: gives what it gives, or throws. Where refusals are collected, it gives the other in their place. */
export type Attempt = <T>(act: () => T, otherwise: T) => T;
/** Says how sockets with these options are taken. */
export type OpenSockets = (options: SocketOptions) => WebSockets;

/** Throws what speaks against a class that the tree leads to. */
export type Check = (resource: ResourceClass, trail: string) => void;

/**
 * The tree that can be reached from `Root`. Every class that hangs in it by `@Child` on a class is made at once, so that what
 * can't be made is known at once. Throws an `EspalierError` that names the classes and the way to them.
 */
export class Tree {
  readonly root: Branch;
  readonly #resolve: Resolve;
  readonly #open: OpenSockets;
  readonly #planted: readonly Node[];
  // Weakly, for a method may define a class each time it is called.
  readonly #nodes = new WeakMap<ResourceClass, Node>();
  #check: Check = () => undefined;
  #hasSockets = false;

  constructor(
    Root: ResourceClass,
    resolve: Resolve,
    openSockets: OpenSockets = options => new WebSockets(options, systemClock),
    attempt: Attempt = act => act(),
  ) {
    const growth = new Growth(resolve, openSockets, this.#nodes, attempt);
    this.root = growth.fromRoot(Root);
    this.#resolve = resolve;
    this.#open = openSockets;
    this.#planted = growth.nodes;
    this.#adopt(growth.nodes);
  }

  /** Whether a class in it takes WebSockets, or hands them on. */
  get hasSockets(): boolean {
    return this.#hasSockets;
  }

  /** Have each class checked: those that are there, and those that come later. */
  check(check: Check): void {
    for (const {resource, trail} of this.#planted) check(resource, trail);
    this.#check = check;
  }

  /**
   * What is known of a child that `method` has made, by the child's own class: the declared one, or one that extends it, whose
   * part of the tree grows when it is met for the first time. Throws `CHILD_MISMATCH` for an instance of any other class.
   */
  nodeOf(child: object, declared: Node, method: string): Node {
    if (!isInstance(child, declared.resource)) throw mismatch(child, declared.resource, method);
    const own = ownClass(child, declared.resource);
    if (own === declared.resource) return declared;
    return this.#nodes.get(own) ?? this.#grow(own, declared);
  }

  #grow(own: ResourceClass, declared: Node): Node {
    const growth = new Growth(this.#resolve, this.#open, this.#nodes, act => act());
    const node = growth.fromSubclass(own, declared);
    for (const {resource, trail} of growth.nodes) this.#check(resource, trail);
    this.#adopt(growth.nodes);
    return node;
  }

  #adopt(nodes: readonly Node[]): void {
    for (const node of nodes) this.#nodes.set(node.resource, node);
    this.#hasSockets ||= nodes.some(({socketOrigins}) => socketOrigins !== undefined);
  }
}

/** A tree, or a part of one, while it grows: what fails to grow leaves nothing behind. */
class Growth {
  readonly #resolve: Resolve;
  readonly #openSockets: OpenSockets;
  readonly #known: WeakMap<ResourceClass, Node>;
  readonly #attempt: Attempt;
  readonly #nodes = new Map<ResourceClass, Node>();
  // Below methods last, so that a cycle of what the container makes is met whole, whatever the order of declaration.
  readonly #belowMethods: (() => void)[] = [];
  readonly #hung = new Set<ResourceClass>();

  constructor(resolve: Resolve, openSockets: OpenSockets, known: WeakMap<ResourceClass, Node>, attempt: Attempt) {
    this.#resolve = resolve;
    this.#openSockets = openSockets;
    this.#known = known;
    this.#attempt = attempt;
  }

  /** What has grown so far. */
  get nodes(): readonly Node[] {
    return [...this.#nodes.values()];
  }

  fromRoot(Root: ResourceClass): Branch {
    if (typeof Root !== 'function') throw noRoot(Root);
    const declared = this.#grow(Root, Root.name, []);
    this.#growBelowMethods();
    const branch = this.#make(declared, Root.name, []);
    this.#growBelowMethods();
    for (const {node} of [branch, ...(branch.node.hosts?.branches.values() ?? [])]) {
      if (node.literals.has('') && !this.#hung.has(node.resource)) this.#refuse(unreachable(node.resource));
    }
    return branch;
  }

  fromSubclass(own: ResourceClass, {resource, trail}: Node): Node {
    const node = this.#growAs(own, resource, trail, []);
    this.#growBelowMethods();
    return node;
  }

  #refuse(error: EspalierError): void {
    this.#attempt(() => {
      throw error;
    }, undefined);
  }

  #growBelowMethods(): void {
    for (const hang of this.#belowMethods.splice(0)) hang();
    if (this.#belowMethods.length > 0) this.#growBelowMethods();
  }

  /** `above` are the classes from the last one that a method makes: one of them again would hang below itself for ever. */
  #grow(resource: ResourceClass, trail: string, above: readonly ResourceClass[]): Node {
    if (!isResource(resource)) this.#refuse(unmarked(resource, trail));
    return this.#growAs(resource, resource, trail, above);
  }

  /** As `#grow`, for the class of an instance, which may extend the one that is declared. */
  #growAs(own: ResourceClass, declared: ResourceClass, way: string, above: readonly ResourceClass[]): Node {
    const trail = own === declared ? way : `${way} as ${own.name}`;
    if (above.includes(own)) this.#refuse(cycle(trail));
    const known = this.#nodes.get(own) ?? this.#known.get(own);
    if (known) return known;
    const declarations = declarationsOf(own);
    const node = this.#blank(own, trail, declarations);
    this.#nodes.set(own, node);
    for (const child of declarations.children.values()) {
      const hang = (over: readonly ResourceClass[]) =>
        this.#attempt(() => this.#hang(child, node, trail, over), undefined);
      if (child.method === undefined) hang([...above, own]);
      else this.#belowMethods.push(() => hang([]));
    }
    for (const [host, resource] of declarations.hosts) {
      this.#attempt(() => this.#house(host, resource, node, trail, [...above, own]), undefined);
    }
    return node;
  }

  #blank(resource: ResourceClass, trail: string, declarations: Declarations): Node {
    this.#attempt(() => refuseUnhandled(resource, declarations), undefined);
    this.#attempt(() => refuseUnreached(resource, declarations), undefined);
    const {options, place, handlers, socket: declared, handshakes, middleware, around} = declarations;
    const gatesOf = (name: PropertyKey) => this.#gates(around.get(name) ?? [], trail);
    const socket = declared && this.#socketOf(resource, declared, gatesOf(declared.name));
    return {
      resource,
      trail,
      place,
      leaf: options?.leaf ?? false,
      ...this.#gates(middleware, trail),
      handlers: handlersOf(resource, handlers, gatesOf),
      socket,
      socketOrigins: socket?.sockets.origins ?? handshakes,
      allow: allowed(handlers, declared),
      acceptQuery: queryTypes(handlers.get('QUERY')),
      literals: new Map(),
      capture: undefined,
      hosts: undefined,
    };
  }

  #socketOf(owner: ResourceClass, {name, options, place}: SocketDeclaration, gates: Gated): SocketHandler {
    return {...methodOf(owner, name), options, place, sockets: this.#openSockets(options), ...gates};
  }

  #gates(declared: readonly MiddlewareDeclaration[], trail: string): Gated {
    if (declared.length === 0) return {middleware: open, places: []};
    return {
      middleware: declared.map(({type}) => this.#resolve(type, `${trail} → ${type.name}`) as Middleware),
      places: declared.map(({place}) => place),
    };
  }

  #hang(child: ChildDeclaration, parent: Node, trail: string, above: readonly ResourceClass[]): void {
    const {segment, literal, method} = child;
    const resource = namedClass(child, parent.resource);
    const way = `${trail} → ${writtenAs(child)} ${resource.name}`;
    const node = this.#grow(resource, way, above);
    this.#hung.add(resource);
    const branch: Branch =
      method === undefined
        ? this.#make(node, way, above)
        : {node, method: methodOf(parent.resource, method), length: 1, isFixed: false};
    if (literal === undefined) parent.capture = {...branch, capture: segment.slice(1), isFixed: false};
    else parent.literals.set(literal, branch);
  }

  #house(
    host: string,
    resource: () => ResourceClass,
    parent: Node,
    trail: string,
    above: readonly ResourceClass[],
  ): void {
    const type = namedClass({segment: host, literal: host, resource}, parent.resource);
    const way = `${trail} → ${JSON.stringify(host)} ${type.name}`;
    const branch: Branch = {...this.#make(this.#grow(type, way, above), way, above), length: 0, isFixed: false};
    const {branches, table} = (parent.hosts ??= {branches: new Map(), table: new HostTable<Branch>()});
    branches.set(host, branch);
    table.add(trail, host, branch);
  }

  /** The way to what the container makes. What is bound to a class may be an instance of one that extends it. */
  #make({resource}: Node, way: string, above: readonly ResourceClass[]): Branch {
    const instance = this.#resolve(resource, way);
    if (!isInstance(instance, resource)) throw mismatch(instance, resource, `${way}: its binding`);
    const node = this.#growAs(ownClass(instance, resource), resource, way, above);
    return {node, instance, length: 1, isFixed: true};
  }
}

/** All ways that lead on from a resource. */
export function branchesOf({literals, capture, hosts}: Node): Branch[] {
  return [...literals.values(), ...(capture ? [capture] : []), ...(hosts?.branches.values() ?? [])];
}

function isInstance(value: unknown, type: ResourceClass): boolean {
  return Object.prototype.isPrototypeOf.call(type.prototype as object, value as object);
}

/** The class of an instance, which `base` is or which extends it. */
function ownClass(instance: object, base: ResourceClass): ResourceClass {
  const own = classOf(instance) as ResourceClass;
  return isInstance(own.prototype, base) ? own : base;
}

function namedClass(child: ChildDeclaration, owner: ResourceClass): ResourceClass {
  let named: ResourceClass | undefined;
  try {
    named = child.resource();
  } catch (cause) {
    throw undefinedChild(writtenAs(child), owner.name, {cause});
  }
  if (named) return named;
  throw undefinedChild(writtenAs(child), owner.name);
}

/** Throws `DECORATOR_MISPLACED` for middleware on a method that nothing stands behind. */
function refuseUnhandled({name: owner}: ResourceClass, {handlers, socket, around}: Declarations): void {
  const answering = new Set([...handlers.values(), ...(socket ? [socket] : [])].map(({name}) => name));
  const idle = [...around.keys()].find(name => !answering.has(name));
  if (idle === undefined) return;
  throw new EspalierError(
    'DECORATOR_MISPLACED',
    `${owner}.${String(idle)}() has @Use(), but answers no verb. Put @Use() on the class, or on a method with @Get() or its like.`,
  );
}

/** Throws `CHILD_UNREACHABLE` for what is declared where no request comes: in the place of others, or below a leaf. */
function refuseUnreached(resource: ResourceClass, {options, children, handlers, socket, hosts}: Declarations): void {
  const {name: owner} = resource;
  const refuse = (what: string, why: string) => {
    throw new EspalierError('CHILD_UNREACHABLE', `${owner} has ${what}, but no request can reach it: ${why}`);
  };
  const [child] = children.values();
  const [method] = [...handlers.values(), ...(socket ? [socket] : [])];
  const isInPlace = 'the classes that virtualHosts() was given answer instead. Put it on them.';
  if (hosts.size > 0 && child) refuse(`a child ${writtenAs(child)}`, isInPlace);
  if (hosts.size > 0 && method) refuse(`the method ${String(method.name)}() that answers`, isInPlace);
  const lost = options?.leaf ? childOnLeaf(resource) : undefined;
  if (lost) refuse(`a child ${writtenAs(lost)}`, 'a leaf answers for all below it. Put the child beside it.');
}

function handlersOf(
  owner: ResourceClass,
  declared: Declarations['handlers'],
  gatesOf: (name: PropertyKey) => Gated,
): Node['handlers'] {
  const handlers = new Map<string, Handler>();
  for (const [verb, {name, options, place}] of declared) {
    const method = methodOf(owner, name);
    const read = inputReader(options, method.title);
    handlers.set(verb, {...method, verb, options, place, read, ...gatesOf(name)});
  }
  const get = handlers.get('GET');
  return get && !handlers.has('HEAD') ? handlers.set('HEAD', get) : handlers;
}

function methodOf({name: owner}: ResourceClass, name: PropertyKey): Method {
  return {name, title: `${owner}.${String(name)}()`};
}

/** A WebSocket is asked for by GET. */
function allowed(handlers: ReadonlyMap<Verb, unknown>, socket: SocketDeclaration | undefined): string {
  const verbs = new Set<Verb>(handlers.keys()).add('OPTIONS');
  if (socket) verbs.add('GET');
  if (verbs.has('GET')) verbs.add('HEAD');
  return [...verbs].toSorted().join(', ');
}

/** What a method reads by itself, it knows by itself. */
function queryTypes(handler: HandlerDeclaration | undefined): string | undefined {
  return handler && (handler.options.body ? bodyTypes.join(', ') : '*/*');
}

function noRoot(given: unknown): EspalierError {
  return new EspalierError('RESOURCE_UNMARKED', `The root is ${describe(given)}. Give the class of a resource.`);
}

function unmarked(resource: ResourceClass, trail: string): EspalierError {
  return new EspalierError(
    'RESOURCE_UNMARKED',
    `${trail}: ${resource.name} is in the tree but has no @Resource(). Add it above the class.`,
  );
}

function cycle(trail: string): EspalierError {
  return new EspalierError(
    'RESOURCE_CYCLE',
    `${trail}: this class is above itself already, so the tree would have no end. Put @Child on a method that makes the child when it is asked for.`,
  );
}

function unreachable(Root: ResourceClass): EspalierError {
  return new EspalierError(
    'CHILD_UNREACHABLE',
    `${Root.name} is the root and has a child "": no request can reach it, for "/" is the root itself. Let ${Root.name} answer.`,
  );
}

function mismatch(given: unknown, {name}: ResourceClass, giver: string): EspalierError {
  const wanted = `an instance of ${name}, or of a class that extends it`;
  return new EspalierError('CHILD_MISMATCH', `${giver} gave ${describe(given)}, where it has to give ${wanted}.`);
}

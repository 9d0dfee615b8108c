import createError from 'http-errors';
import {isPromised, type Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import {open, pass, type Passage} from './gate.ts';
import type {Branch, Hosts, Node, Tree} from './tree.ts';

/** Where a walk ended: a resource, and what is known of its class. */
export interface Found {
  readonly node: Node;
  readonly instance: object;
  /** The path has a slash after this resource, which has no child for it. */
  readonly hasExcessSlash: boolean;
  /** How many segments lead there. */
  readonly depth: number;
}

/** What is done at the end of a walk. */
export type Arrive = (found: Found, passage: Passage) => Awaitable<unknown>;

type MakeChild = (segment: string, request: Request) => Awaitable<object | undefined>;

/** How many ways are remembered: more than most sites have. */
const knownLimit = 10_000;

/** The way that requests go through a tree, from its root along their segments, through the middleware that stands there. */
export class Traversal {
  readonly #tree: Tree;
  readonly #arrive: Arrive;
  // By path, where that alone decides: nothing on the way is captured, or made for the request, and no middleware stands there.
  // Decoding the path and walking it costs a bare server's request 2 %. Only what is there is remembered, so that nobody can fill
  // the memory with it.
  readonly #known = new Map<string, Found>();

  constructor(tree: Tree, arrive: Arrive) {
    this.#tree = tree;
    this.#arrive = arrive;
  }

  /**
   * Walk to the resource that a request's path leads to, and arrive there; gives what that gives. Throws, or rejects with, a 404
   * where there is none.
   */
  go(passage: Passage): Awaitable<unknown> {
    const {request} = passage;
    const known = this.#known.get(request.path);
    if (known) {
      request.walk(known.depth);
      return this.#end(known, passage);
    }
    const {node, instance} = this.#tree.root;
    if (node.middleware === open) return this.#walk(node, instance!, 0, passage, true);
    return pass(node.middleware, passage, () => this.#walk(node, instance!, 0, passage, false));
  }

  /**
   * Go on from a resource, `at` so many segments. `isByPath` is whether the path alone has led there. A loop, for a path may have
   * more segments than the stack has room for calls.
   */
  #walk(from: Node, resource: object, at: number, passage: Passage, isByPath: boolean): Awaitable<unknown> {
    const {request} = passage;
    const {segments} = request;
    let node = from;
    let instance = resource;
    let depth = at;
    let isFixed = isByPath;
    while (node.hosts || (depth < segments.length && !node.leaf)) {
      const branch = step(node, depth, request);
      if (!branch) return this.#end({node, instance, hasExcessSlash: true, depth}, passage);
      depth += branch.length;
      if (branch.node.middleware !== open) return this.#walkThrough(branch, instance, depth, passage);
      const child = childBy(branch, instance, depth, request);
      if (!isThere(child, branch.node)) return this.#walkLater(branch, child, depth, passage);
      const own = this.#nodeOf(branch, child);
      if (own.middleware !== open) return this.#walkOn(own, own.middleware, child, depth, passage);
      isFixed &&= branch.isFixed;
      node = own;
      instance = child;
    }
    const found = {node, instance, hasExcessSlash: false, depth};
    if (isFixed && depth === segments.length) this.#remember(request, found);
    return this.#end(found, passage);
  }

  /** Go through the middleware of a child before it is made: a guard comes before anything tells whether it is there. */
  #walkThrough(branch: Branch, parent: object, at: number, passage: Passage): Awaitable<unknown> {
    const {node} = branch;
    return pass(node.middleware, passage, () => {
      const child = childBy(branch, parent, at, passage.request);
      return isThere(child, node)
        ? this.#walkInto(branch, child, at, passage)
        : this.#walkLater(branch, child, at, passage);
    });
  }

  async #walkLater(
    branch: Branch,
    child: Awaitable<object | undefined>,
    at: number,
    passage: Passage,
  ): Promise<unknown> {
    const made = await child;
    if (made === undefined) throw nothingHere();
    return this.#walkInto(branch, made, at, passage);
  }

  #walkInto(branch: Branch, child: object, at: number, passage: Passage): Awaitable<unknown> {
    const own = this.#nodeOf(branch, child);
    // The class of an instance may extend the declared one, whose middleware is behind us.
    return this.#walkOn(own, own.middleware.slice(branch.node.middleware.length), child, at, passage);
  }

  #walkOn(node: Node, gates: Node['middleware'], instance: object, at: number, passage: Passage): Awaitable<unknown> {
    return pass(gates, passage, () => this.#walk(node, instance, at, passage, false));
  }

  #end(found: Found, passage: Passage): Awaitable<unknown> {
    passage.request.arrive(found.node.resource.name);
    return this.#arrive(found, passage);
  }

  /** What is below a child: of one that is made for the request, what its own class declares. */
  #nodeOf({instance, method, node}: Branch, child: object): Node {
    return instance ? node : this.#tree.nodeOf(child, node, method!.title);
  }

  // By a copy: a part of a text keeps the whole, here with its query. What is encoded can be so in many ways.
  #remember({path, segments}: Request, found: Found): void {
    if (this.#known.size < knownLimit && !path.includes('%')) this.#known.set(`/${segments.join('/')}`, found);
  }
}

/**
 * Take one more segment, or none where hosts stand in this place; gives the way that leads on, or nothing for a slash too many. Throws a
 * 404 where it leads nowhere.
 */
function step(node: Node, at: number, request: Request): Branch | undefined {
  if (node.hosts) return stepAside(node.hosts, request);
  const {segments} = request;
  const way = wayOn(node, segments, at);
  if (way === 'slash') return undefined;
  if (!way) throw nothingHere();
  request.walk();
  if (way.capture !== undefined) request.capture(way.capture, segments[at]!);
  return way;
}

/** The way that leads on from a resource, behind so many segments: none, or none but for a slash too many. */
export function wayOn(node: Node, segments: readonly string[], at: number): Branch | 'slash' | undefined {
  const segment = segments[at]!;
  const isLast = at === segments.length - 1;
  return branchFor(node, segment, isLast) ?? (isLast && segment === '' ? 'slash' : undefined);
}

/** Go to the resource that stands here for the host that is asked for. Throws a 421 where there is none (RFC 9110, section 15.5.20). */
function stepAside({table}: Hosts, {host}: Request): Branch {
  const branch = table.find(host);
  if (!branch) throw createError(421, 'There is no such host here.');
  return branch;
}

/** The child that a way leads to, behind so many segments. */
function childBy(
  {instance, method}: Branch,
  parent: object,
  at: number,
  request: Request,
): Awaitable<object | undefined> {
  return instance ?? (parent as Record<PropertyKey, MakeChild>)[method!.name]!(request.segments[at - 1]!, request);
}

/** Whether there is a child, and not only a promise of one. One that is there may have a handler called `then`. */
function isThere(child: Awaitable<object | undefined>, {resource}: Node): child is object {
  return child instanceof resource || (child !== undefined && !isPromised(child));
}

/** The empty segment is a name of its own at the end of a path, nothing anywhere else, and never captured. */
function branchFor({literals, capture}: Node, segment: string, isLast: boolean): Branch | undefined {
  if (segment === '') return isLast ? literals.get('') : undefined;
  return literals.get(segment) ?? capture;
}

/** The error for a path that leads to no resource. */
export function nothingHere(): Error {
  return createError(404, 'There is nothing at this path.');
}

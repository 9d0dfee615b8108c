import {isPromised, type Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Branch, Node, Tree} from './tree.ts';

/** Where a walk ended: a resource, and what is known of its class. */
export interface Found {
  readonly node: Node;
  readonly instance: object;
  /** The path has a slash after this resource, which has no child for it. */
  readonly hasExcessSlash: boolean;
  /** How many segments lead there. */
  readonly depth: number;
}

type MakeChild = (segment: string, request: Request) => Awaitable<object | undefined>;

/** How many ways are remembered: more than most sites have. */
const knownLimit = 10_000;

/** The way that requests go through a tree, from its root along their segments. */
export class Traversal {
  readonly #tree: Tree;
  // By path, where that alone decides: nothing on the way is captured, or made for the request. Decoding the path and walking
  // it costs a bare server's request 2 %. Only what is there is remembered, so that nobody can fill the memory with it.
  readonly #known = new Map<string, Found>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** The resource that a request's path leads to, or nothing. */
  find(request: Request): Awaitable<Found | undefined> {
    const known = this.#known.get(request.path);
    const {root} = this.#tree;
    if (!known) return this.#walk(root.node, root.instance!, 0, request, true);
    request.walk(known.depth);
    return known;
  }

  /**
   * Go on from a resource, `at` so many segments. `isFixed` is whether the path alone has led there. A loop, for a path may have
   * more segments than the stack has room for calls.
   */
  #walk(from: Node, resource: object, at: number, request: Request, isFixed: boolean): Awaitable<Found | undefined> {
    const {segments} = request;
    let node = from;
    let instance = resource;
    let depth = at;
    for (; depth < segments.length && !node.leaf; depth += 1) {
      const segment = segments[depth]!;
      const isLast = depth === segments.length - 1;
      const branch = branchFor(node, segment, isLast);
      if (!branch) return isLast && segment === '' ? {node, instance, hasExcessSlash: true, depth} : undefined;
      const child = childBy(branch, instance, segment, request);
      if (comesLater(child, branch.node)) return this.#walkLater(branch, child, depth + 1, request);
      if (child === undefined) return undefined;
      isFixed &&= branch.capture === undefined && branch.instance !== undefined;
      node = this.#nodeOf(branch, child);
      instance = child;
    }
    const found = {node, instance, hasExcessSlash: false, depth};
    if (isFixed && depth === segments.length) this.#remember(request, found);
    return found;
  }

  async #walkLater(
    branch: Branch,
    child: PromiseLike<object | undefined>,
    at: number,
    request: Request,
  ): Promise<Found | undefined> {
    const made = await child;
    return made === undefined ? undefined : this.#walk(this.#nodeOf(branch, made), made, at, request, false);
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

function childBy(branch: Branch, parent: object, segment: string, request: Request): Awaitable<object | undefined> {
  request.walk();
  if (branch.capture !== undefined) request.capture(branch.capture, segment);
  return branch.instance ?? (parent as Record<PropertyKey, MakeChild>)[branch.method!.name]!(segment, request);
}

/** Whether a child is promised. One that is there may have a handler called `then`. */
function comesLater(child: Awaitable<object | undefined>, {resource}: Node): child is PromiseLike<object | undefined> {
  return !(child instanceof resource) && isPromised(child);
}

/** The empty segment is a name of its own at the end of a path, nothing anywhere else, and never captured. */
function branchFor({literals, capture}: Node, segment: string, isLast: boolean): Branch | undefined {
  if (segment === '') return isLast ? literals.get('') : undefined;
  return literals.get(segment) ?? capture;
}

import {isPromised, type Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Branch, Node} from './tree.ts';

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
  readonly #root: Branch;
  // By path, where that alone decides: nothing on the way is captured, or made for the request. Decoding the path and walking
  // it costs a bare server's request 2 %. Only what is there is remembered, so that nobody can fill the memory with it.
  readonly #known = new Map<string, Found>();

  constructor(root: Branch) {
    this.#root = root;
  }

  /** The resource that a request's path leads to, or nothing. */
  find(request: Request): Awaitable<Found | undefined> {
    const known = this.#known.get(request.path);
    if (!known) return this.#walk(this.#root.node, this.#root.instance!, 0, request, true);
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
      if (comesLater(child, branch.node)) return this.#walkLater(branch.node, child, depth + 1, request);
      if (!child) return undefined;
      isFixed &&= branch.capture === undefined && branch.instance !== undefined;
      node = branch.node;
      instance = child;
    }
    const found = {node, instance, hasExcessSlash: false, depth};
    if (isFixed && depth === segments.length) this.#remember(request, found);
    return found;
  }

  async #walkLater(
    node: Node,
    child: PromiseLike<object | undefined>,
    at: number,
    request: Request,
  ): Promise<Found | undefined> {
    const made = await child;
    return made && this.#walk(node, made, at, request, false);
  }

  // By a copy: a part of a text keeps the whole, here with its query. What is encoded can be so in many ways.
  #remember({path, segments}: Request, found: Found): void {
    if (this.#known.size < knownLimit && !path.includes('%')) this.#known.set(`/${segments.join('/')}`, found);
  }
}

function childBy(branch: Branch, parent: object, segment: string, request: Request): Awaitable<object | undefined> {
  request.walk();
  if (branch.capture !== undefined) request.capture(branch.capture, segment);
  return branch.instance ?? (parent as Record<PropertyKey, MakeChild>)[branch.method!]!(segment, request);
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

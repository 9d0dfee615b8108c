import {isPromised, proceed, type Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Branch, Node} from './tree.ts';

/** Where a walk ended: a resource, and what is known of its class. */
export interface Found {
  readonly node: Node;
  readonly instance: object;
  /** The path has a slash after this resource, which has no child for it. */
  readonly hasExcessSlash: boolean;
}

type MakeChild = (segment: string, request: Request) => Awaitable<object | undefined>;

/** Walk from the root along the segments of the request, to the resource they lead to or to nothing. */
export function traverse(root: Branch, request: Request): Awaitable<Found | undefined> {
  return walk(root.node, root.instance!, 0, request);
}

/** Go on from a resource, `at` so many segments. */
function walk(from: Node, resource: object, at: number, request: Request): Awaitable<Found | undefined> {
  const {segments} = request;
  let node = from;
  let instance = resource;
  for (let i = at; i < segments.length && !node.leaf; i += 1) {
    const segment = segments[i]!;
    const branch = branchFor(node, segment, i === segments.length - 1);
    if (!branch)
      return segment === '' && i === segments.length - 1 ? {node, instance, hasExcessSlash: true} : undefined;
    request.walk();
    if (branch.capture !== undefined) capture(request, branch.capture, segment);
    const child = branch.instance ?? make(instance, branch.method!, segment, request);
    if (isPromised(child)) return proceed(child, made => made && walk(branch.node, made, i + 1, request));
    if (!child) return undefined;
    ({node} = branch);
    instance = child;
  }
  return {node, instance, hasExcessSlash: false};
}

/** The empty segment is a name of its own at the end of a path, nothing anywhere else, and never captured. */
function branchFor(node: Node, segment: string, isLast: boolean): Branch | undefined {
  if (segment === '') return isLast ? node.literals.get('') : undefined;
  return node.literals.get(segment) ?? node.capture;
}

function make(parent: object, method: PropertyKey, segment: string, request: Request): ReturnType<MakeChild> {
  return (parent as Record<PropertyKey, MakeChild>)[method]!(segment, request);
}

function capture(request: Request, name: string, segment: string): void {
  const params = Object.create(null) as Record<string, string>;
  request.params = Object.assign(params, request.params, {[name]: segment});
}

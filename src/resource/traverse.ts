import type {Request} from '../http/request.ts';
import type {Branch, Node} from './tree.ts';

/** Where a walk ended: a resource, and what is known of its class. */
export interface Found {
  readonly node: Node;
  readonly instance: object;
  /** The path has a slash after this resource, which has no child for it. */
  readonly hasExcessSlash: boolean;
}

type MakeChild = (segment: string, request: Request) => object | undefined | Promise<object | undefined>;

/** Walk from the root along the segments of the request, to the resource they lead to or to nothing. */
export async function traverse(root: Branch, request: Request): Promise<Found | undefined> {
  const {segments} = request;
  const last = segments.length - 1;
  let {node} = root;
  let instance = root.instance!;
  for (let at = 0; at <= last && !node.leaf; at += 1) {
    const segment = segments[at]!;
    // The empty segment is a name of its own at the end of a path, nothing anywhere else, and never captured.
    if (segment === '' && at < last) return undefined;
    const branch = node.literals.get(segment) ?? (segment === '' ? undefined : node.capture);
    if (!branch) return segment === '' ? {node, instance, hasExcessSlash: true} : undefined;
    request.walk();
    if (branch.capture !== undefined) capture(request, branch.capture, segment);
    const child = branch.instance ?? (await make(instance, branch.method!, segment, request));
    if (!child) return undefined;
    ({node} = branch);
    instance = child;
  }
  return {node, instance, hasExcessSlash: false};
}

function make(parent: object, method: PropertyKey, segment: string, request: Request): ReturnType<MakeChild> {
  return (parent as Record<PropertyKey, MakeChild>)[method]!(segment, request);
}

function capture(request: Request, name: string, segment: string): void {
  const params = Object.create(null) as Record<string, string>;
  request.params = Object.assign(params, request.params, {[name]: segment});
}

import {describe, EspalierError} from '../errors.ts';
import {
  declarationsOf,
  type ChildDeclaration,
  type Declarations,
  type ResourceClass,
  type Verb,
} from './declarations.ts';
import {undefinedChild} from './resource.ts';

/** All that is known of a resource class in one site: what it answers, and where the walk goes from it. */
export interface Node {
  readonly resource: ResourceClass;
  readonly leaf: boolean;
  /** By verb; that of GET answers HEAD too, where nothing else does. */
  readonly handlers: ReadonlyMap<string, Handler>;
  /** The value of `Allow`: the declared verbs, and HEAD and OPTIONS, which are answered anyway. */
  readonly allow: string;
  readonly literals: Map<string, Branch>;
  capture: Branch | undefined;
}

/** A method that answers a verb. */
export interface Handler {
  readonly name: PropertyKey;
  /** What errors call it: `Page.show()`. */
  readonly title: string;
}

/** The way from a resource to a child. */
export interface Branch {
  readonly node: Node;
  /** The child, where the container has made it. */
  readonly instance?: object;
  /** The method of the parent that makes the child, where one does. */
  readonly method?: PropertyKey;
  /** The name that a captured segment goes by. */
  readonly capture?: string;
}

/** Makes the one instance of a class in this site. `trail` says how the tree leads to it, for the error. */
export type Resolve = (resource: ResourceClass, trail: string) => object;

/**
 * The tree that can be reached from `Root`. Every class that hangs in it by `@Child` on a class is made now, so that what
 * can't be made is known now. Throws an `EspalierError` that names the classes and the way to them.
 */
export function growTree(Root: ResourceClass, resolve: Resolve): Branch {
  return new Growth(Root, resolve).whole();
}

/** The classes of which methods make instances, for single requests. */
export function madeByMethods(root: Branch): ReadonlySet<ResourceClass> {
  const made = new Set<ResourceClass>();
  const nodes = new Set([root.node]);
  // A set may grow while it is gone through.
  for (const {literals, capture} of nodes) {
    for (const branch of [...literals.values(), ...(capture ? [capture] : [])]) {
      nodes.add(branch.node);
      if (branch.method !== undefined) made.add(branch.node.resource);
    }
  }
  return made;
}

/** A tree while it grows. */
class Growth {
  readonly #Root: ResourceClass;
  readonly #resolve: Resolve;
  readonly #nodes = new Map<ResourceClass, Node>();
  // Below methods last, so that a cycle of what the container makes is met whole, whatever the order of declaration.
  readonly #belowMethods: (() => void)[] = [];
  #isRootBelow = false;

  constructor(Root: ResourceClass, resolve: Resolve) {
    this.#Root = Root;
    this.#resolve = resolve;
  }

  whole(): Branch {
    const Root = this.#Root;
    if (typeof Root !== 'function') throw noRoot(Root);
    const node = this.#grow(Root, Root.name, []);
    for (const hang of this.#belowMethods) hang();
    if (node.literals.has('') && !this.#isRootBelow) throw unreachable(Root);
    return {node, instance: this.#resolve(Root, Root.name)};
  }

  /** `above` are the classes from the last one that a method makes: one of them again would hang below itself for ever. */
  #grow(resource: ResourceClass, trail: string, above: readonly ResourceClass[]): Node {
    if (above.includes(resource)) throw cycle(trail);
    const known = this.#nodes.get(resource);
    if (known) return known;
    const declared = declarationsOf(resource);
    if (!declared.options) throw unmarked(resource, trail);
    const node = blankNode(resource, declared);
    this.#nodes.set(resource, node);
    for (const child of declared.children.values()) {
      if (child.method === undefined) this.#hang(child, node, trail, [...above, resource]);
      else this.#belowMethods.push(() => this.#hang(child, node, trail, []));
    }
    return node;
  }

  #hang(child: ChildDeclaration, parent: Node, trail: string, above: readonly ResourceClass[]): void {
    const {segment, method} = child;
    const resource = classOf(child, parent.resource);
    const way = `${trail} → ${JSON.stringify(segment)} ${resource.name}`;
    const node = this.#grow(resource, way, above);
    this.#isRootBelow ||= resource === this.#Root;
    const origin = method === undefined ? {instance: this.#resolve(resource, way)} : {method};
    if (segment.startsWith(':')) parent.capture = {node, ...origin, capture: segment.slice(1)};
    else parent.literals.set(segment, {node, ...origin});
  }
}

function classOf({segment, resource}: ChildDeclaration, owner: ResourceClass): ResourceClass {
  let named: ResourceClass | undefined;
  try {
    named = resource();
  } catch (cause) {
    throw undefinedChild(segment, owner, {cause});
  }
  if (named) return named;
  throw undefinedChild(segment, owner);
}

function blankNode(resource: ResourceClass, {options, handlers}: Declarations): Node {
  return {
    resource,
    leaf: options?.leaf ?? false,
    handlers: handlersOf(resource, handlers),
    allow: allowed(handlers),
    literals: new Map(),
    capture: undefined,
  };
}

function handlersOf({name: owner}: ResourceClass, declared: Declarations['handlers']): Node['handlers'] {
  const handlers = new Map<string, Handler>();
  for (const [verb, name] of declared) handlers.set(verb, {name, title: `${owner}.${String(name)}()`});
  const get = handlers.get('GET');
  return get && !handlers.has('HEAD') ? handlers.set('HEAD', get) : handlers;
}

function allowed(handlers: ReadonlyMap<Verb, PropertyKey>): string {
  const verbs = new Set<Verb>(handlers.keys()).add('OPTIONS');
  if (verbs.has('GET')) verbs.add('HEAD');
  return [...verbs].toSorted().join(', ');
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

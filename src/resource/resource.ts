import {injectable, injectFromHierarchy} from 'inversify';
import {decorating, nothing, onClass, onClassOrMethod, refuseBareCall, type Decorated} from '../decorator.ts';
import {describe, EspalierError} from '../errors.ts';
import {settleInjections} from '../inject.ts';
import {checkOptions, flag} from '../options.ts';
import {Place} from '../place.ts';
import {patternSegment} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import {
  declarationsIn,
  Literal,
  type ChildDeclaration,
  type ResourceClass,
  type ResourceOptions,
} from './declarations.ts';

/**
 * Marks a class as a resource: one that a site's tree can lead to, made by the container with what it asks for by
 * `@inject`. What its base classes inject, answer and have as children is there too; what it declares itself replaces that.
 */
export function Resource(
  options: ResourceOptions = {},
  ...rest: never[]
): (target: ResourceClass, context?: ClassDecoratorContext) => void {
  if (!decorating('@Resource', () => checkArguments(options, rest))) return nothing;
  const place = new Place();
  return (target: ResourceClass, context?: ClassDecoratorContext) =>
    void decorating(`@Resource() of ${target?.name}`, () => {
      Object.assign(declarationsIn(onClass('@Resource()', target, context)), {options, place});
      injectable()(target);
      settleInjections(target, context);
      injectFromHierarchy({extendConstructorArguments: true, extendProperties: true})(target);
    });
}

function checkArguments(options: ResourceOptions, rest: readonly unknown[]): void {
  refuseBareCall('@Resource()', [options, ...rest]);
  if (typeof options === 'string') throw withPath('@Resource()');
  checkOptions('@Resource()', options, {leaf: flag});
}

/** The error for a decorator that is given a path, as in other frameworks. */
export function withPath(decorator: string): EspalierError {
  const wayOut = 'The path of a resource is its place in the tree: put @Child(segment, TheClass) on its parent.';
  return new EspalierError('DECORATOR_MISPLACED', `${decorator} takes no path. ${wayOut}`);
}

/** What a method under `@Child` gives: the child for this request, or nothing for a 404. */
type Made<T> = T | undefined | Promise<T | undefined>;

/** `@Child` on a class, or on a method that makes such children. */
interface ChildDecorator<T extends object> {
  (target: Function, context?: ClassDecoratorContext): void;
  (method: (segment: string, request: Request) => Made<T>, context: ClassMethodDecoratorContext): void;
  // Last: the compiler tells why the last one does not fit.
  (target: object, name: PropertyKey, descriptor: {value?: (segment: string, request: Request) => Made<T>}): void;
}

/**
 * Puts a child under a resource. On a class, the container makes the child once, when the site is built. On a method, the
 * method makes it for each request, from the segment and the request.
 *
 * `segment` is a literal, `''` for the path with a slash at its end, or a capture: `':year'` takes any one segment, which
 * is in `request.params.year`, decoded. A literal beats a capture; `literal(':year')` is one whatever is in it. Name the class by
 * a function, `() => Archive`, where it is declared later. Throws `CHILD_SEGMENT_INVALID`, `CHILD_UNDEFINED` or `CHILD_TAKEN` at once.
 */
export function Child<T extends object>(
  segment: string | Literal,
  resource: ResourceClass<T> | (() => ResourceClass<T>),
): ChildDecorator<T> {
  decorating('@Child', () => refuseBareCall('@Child(segment, TheClass)', [segment, resource]));
  const decorator = `@Child(${written(segment)})`;
  const place = new Place();
  return (target: Function | object, context?: unknown) =>
    void decorating(decorator, () => {
      const decorated = onClassOrMethod(decorator, target, context, place);
      const {owner, name: method} = decorated;
      const names = namesOf(segment, owner);
      const thunk = classThunk(resource, segment, owner);
      declare(decorated, {...names, resource: thunk, ...(method !== undefined && {method})});
    });
}

/**
 * A segment of `@Child` that is taken as it is written: `literal(':name')` is no capture, and `literal('a/b')` is the one segment that
 * comes as `a%2Fb`. Patterns, as in `site.tree` and `request.pattern`, have a colon first, a slash and a percent sign encoded.
 */
export function literal(segment: string): Literal {
  if (typeof segment === 'string') return new Literal(segment);
  throw new EspalierError('CHILD_SEGMENT_INVALID', `literal() was given ${describe(segment)}: a segment is a text.`);
}

/** These would be no literal if they were written as they are. */
const special = /^:|\//;

/** As it is written in the source. */
function written(segment: string | Literal): string {
  return segment instanceof Literal ? `literal(${JSON.stringify(segment.text)})` : JSON.stringify(segment);
}

function namesOf(segment: string | Literal, owner: string): Pick<ChildDeclaration, 'segment' | 'literal'> {
  const isLiteral = segment instanceof Literal;
  const text = isLiteral ? segment.text : segment;
  const refuse = (why: string) => {
    throw new EspalierError('CHILD_SEGMENT_INVALID', `${owner} has a child ${written(segment)}: ${why}`);
  };
  if (typeof text !== 'string') refuse('a segment is a text.');
  if (text === '.' || text === '..' || text.includes('\0')) refuse('no request can reach it.');
  if (isLiteral || !special.test(text)) return {segment: patternSegment(text), literal: text};
  const anyway = `For a segment that has it in its name, write literal(${JSON.stringify(text)}).`;
  if (text.includes('/')) {
    refuse(`a slash is between segments. Give each part of the path a resource of its own. ${anyway}`);
  }
  if (!/^:[A-Za-z_]\w*$/.test(text)) refuse(`a capture is a colon and a name, like ":year". ${anyway}`);
  return {segment: text, literal: undefined};
}

/** @internal Have other resources stand in the place of this one, by the host that is asked for, each at its name in a `HostTable`. */
export function declareHosts(owner: Function, hosts: Readonly<Record<string, unknown>>): void {
  const declared = declarationsIn(onClass('virtualHosts()', owner, undefined)).hosts;
  for (const [host, resource] of Object.entries(hosts)) declared.set(host, classThunk(resource, host, owner.name));
}

// An arrow function has no `prototype` of its own; a class has. That tells `() => Archive` from `Archive`.
function classThunk(resource: unknown, segment: string | Literal, owner: string): () => ResourceClass {
  if (typeof resource === 'function') {
    return Object.hasOwn(resource, 'prototype') ? () => resource as ResourceClass : (resource as () => ResourceClass);
  }
  if (resource === undefined) throw undefinedChild(written(segment), owner);
  const what = `the child ${written(segment)} of ${owner}`;
  throw new EspalierError('CHILD_UNDEFINED', `What stands for ${what} is ${describe(resource)}. Give its class.`);
}

/** The error for a child, by its segment as it is written, whose class is not there: it is declared later, or two modules import each other. */
export function undefinedChild(name: string, owner: string, options?: ErrorOptions): EspalierError {
  return new EspalierError(
    'CHILD_UNDEFINED',
    `The class of the child ${name} of ${owner} is undefined. If it is declared later or imported in a circle, write @Child(${name}, () => TheClass).`,
    options,
  );
}

function declare(decorated: Decorated, child: ChildDeclaration): void {
  const {children} = declarationsIn(decorated);
  // One capture takes any segment, so a second one, by whatever name, would never be asked.
  const slot = child.literal === undefined ? ':' : child.segment;
  const rival = children.get(slot);
  if (rival) throw takenChild(decorated.owner, child, rival);
  children.set(slot, child);
}

function takenChild(owner: string, child: ChildDeclaration, rival: ChildDeclaration): EspalierError {
  const names = [child, rival].map(each => `${writtenAs(each)} (${nameOf(each.resource)})`);
  return new EspalierError(
    'CHILD_TAKEN',
    `${owner} has two children for one segment: ${names.join(' and ')}. Give one of them another segment.`,
  );
}

/** The segment of a child as it is written in the source, or could be. */
export function writtenAs({segment, literal: text}: ChildDeclaration): string {
  if (text === undefined) return written(segment);
  return written(special.test(text) ? new Literal(text) : text);
}

// A class declared later can't be named yet.
function nameOf(resource: () => ResourceClass): string {
  try {
    return resource().name;
  } catch {
    return 'a class declared later';
  }
}

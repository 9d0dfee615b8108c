import {getClassMetadata, type Binding, type BindingService} from '@inversifyjs/core';
import {Plugin} from '@inversifyjs/plugin';
import {
  bindingTypeValues,
  LazyServiceIdentifier,
  type Container,
  type Newable,
  type ServiceIdentifier,
} from 'inversify';
import {EspalierError, type ErrorCode} from './errors.ts';

/** What a token, or nothing, that something asks for may be. */
type Token = ServiceIdentifier | undefined;

/** The way to a fault in the dependencies of a class, and what it is. */
interface Fault {
  readonly code: ErrorCode;
  readonly chain: readonly Token[];
  readonly reason: string;
}

/**
 * One site's hold on a container: it makes things in it, explains what can't be made, and ends what it brought, dependents
 * before what they depend on. Inversify's own interior is looked into here and nowhere else.
 */
export class Housing {
  readonly container: Container;
  readonly #bindings: BindingService;
  readonly #before: ReadonlySet<ServiceIdentifier>;
  /** In the order of their making, so that each comes after what it depends on. */
  readonly #made = new Set<ServiceIdentifier>();

  constructor(container: Container) {
    this.container = container;
    this.#bindings = bindingsOf(container);
    this.#before = new Set(this.#bindings.getNonParentBoundServices());
  }

  /** From now on, remember what is made of all that this site has bound. */
  watch(): void {
    for (const token of this.#brought()) this.#watch(token);
  }

  /**
   * The one instance of a class, bound here unless the application has bound it. Throws an `EspalierError` with the chain
   * of dependencies, from `trail` on, when it can't be made.
   */
  make<T extends object>(type: Newable<T>, trail: string): T {
    try {
      if (!this.container.isBound(type)) {
        this.container.bind(type).toSelf().inSingletonScope();
        this.#watch(type);
      }
      return this.container.get(type);
    } catch (cause) {
      throw this.#explained(type, trail, cause);
    }
  }

  /** End all that this site brought into the container, each before what it depends on. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const token of new Set([...[...this.#made].toReversed(), ...this.#brought()])) {
      if (!this.container.isCurrentBound(token)) continue;
      await this.container.unbindAsync(token).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
  }

  #watch(token: ServiceIdentifier): void {
    this.container.onActivation(token, (_context, made) => {
      this.#made.add(token);
      return made;
    });
  }

  #brought(): ServiceIdentifier[] {
    return [...this.#bindings.getNonParentBoundServices()].filter(token => !this.#before.has(token));
  }

  #explained(type: Newable, trail: string, cause: unknown): unknown {
    const fault = this.#faultBelow(type, [], new Set());
    if (!fault && !isInversifys(cause)) return cause;
    const {code, chain, reason} = fault ?? {code: 'DEPENDENCY_FAILED', chain: [], reason: messageOf(cause)};
    const way = [trail, ...chain.slice(1).map(nameOf)].join(' → ');
    return new EspalierError(code, `${way}: ${reason}`, {cause});
  }

  /** The first fault on the way down from a token, depth first. `sound` are the tokens known to have none. */
  #faultBelow(token: Token, above: readonly Token[], sound: Set<Token>): Fault | undefined {
    const chain = [...above, token];
    if (token === undefined) return {code: 'DEPENDENCY_UNDEFINED', chain, reason: undefinedReason};
    if (above.includes(token)) return {code: 'DEPENDENCY_CYCLE', chain, reason: cycleReason};
    if (sound.has(token)) return undefined;
    const bindings = [...this.#bindings.getChained(token)];
    if (bindings.length === 0) return {code: 'DEPENDENCY_MISSING', chain, reason: missingReason(nameOf(token))};
    try {
      for (const dependency of bindings.flatMap(dependenciesOf)) {
        const fault = this.#faultBelow(dependency, chain, sound);
        if (fault) return fault;
      }
    } catch (error) {
      return {code: 'DEPENDENCY_FAILED', chain, reason: messageOf(error)};
    }
    sound.add(token);
    return undefined;
  }
}

const undefinedReason =
  'a token to inject is undefined. If its module imports this one in a circle, move the token to a module of its own.';
const cycleReason = 'this depends on itself. Take one of these dependencies out, or look it up when it is needed.';
const missingReason = (name: string) =>
  `nothing is bound to ${name}. Bind it in a module or container given to createSite().`;

/** The tokens that a binding asks for and can't do without. */
function dependenciesOf(binding: Binding<unknown>): Token[] {
  const elements =
    binding.type === bindingTypeValues.Instance
      ? [...classElements(binding.implementationType)]
      : binding.type === bindingTypeValues.ResolvedValue
        ? binding.metadata.arguments
        : [];
  return elements.flatMap(element => ('value' in element && !element.optional ? [unwrapped(element.value)] : []));
}

function classElements(implementation: Newable) {
  const {constructorArguments, properties} = getClassMetadata(implementation);
  return [...constructorArguments, ...properties.values()];
}

function unwrapped(token: ServiceIdentifier | LazyServiceIdentifier | undefined): Token {
  return LazyServiceIdentifier.is(token) ? token.unwrap() : token;
}

function bindingsOf(container: Container): BindingService {
  const seen: BindingService[] = [];
  class Look extends Plugin<Container> {
    load(): void {
      seen.push(this._context.bindingService);
    }
  }
  container.register(Look);
  return seen[0]!;
}

function nameOf(token: Token): string {
  if (typeof token === 'function') return token.name;
  return typeof token === 'symbol' ? (token.description ?? 'a symbol') : String(token);
}

function isInversifys(error: unknown): boolean {
  return error instanceof Error && error.constructor.name.startsWith('Inversify');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import {getClassMetadata, plan, type Binding, type ClassMetadata} from '@inversifyjs/core';
import {Plugin, type PluginContext} from '@inversifyjs/plugin';
import {
  bindingScopeValues,
  bindingTypeValues,
  injectFromHierarchy,
  LazyServiceIdentifier,
  type Container,
  type ContainerModule,
  type Newable,
  type ServiceIdentifier,
} from 'inversify';
import {EspalierError, type ErrorCode} from './errors.ts';
import {settleInjections} from './inject.ts';
import {cycleReason, makingIn, missingReason, nameOfToken, undefinedReason} from './use.ts';

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
export class SiteContainer {
  readonly container: Container;
  protected readonly interior: PluginContext;
  /** What this site has bound, and nobody before it. */
  readonly #brought = new Set<ServiceIdentifier>();
  readonly #modules: ContainerModule[] = [];
  /** In the order of their making, so that each comes after what it depends on. */
  readonly #made = new Set<ServiceIdentifier>();

  constructor(container: Container) {
    this.container = container;
    this.interior = interiorOf(container);
  }

  /** Do what may be refused, and give what it gives. Where refusals are collected, it gives the other in their place. */
  attempt<T>(act: () => T, _otherwise: T): T {
    return act();
  }

  /** Bind what a site needs: what is not bound yet is this site's own, and ends with it. */
  bring(bind: () => void): void {
    const before = new Set(this.#bound());
    try {
      bind();
    } finally {
      for (const token of this.#bound()) if (!before.has(token)) this.#adopt(token);
    }
  }

  /**
   * The one instance of a class, bound here unless the application has bound it. Throws an `EspalierError` with the chain
   * of dependencies, from `trail` on, when it can't be made. `standIn` gives what stands for it where nothing is made.
   */
  make<T extends object>(type: Newable<T>, trail: string, _standIn?: () => T): T {
    try {
      this.bindSelf(type);
      return makingIn(this.container, trail, () => this.container.get(type));
    } catch (cause) {
      throw this.explained(type, trail, cause);
    }
  }

  protected bindSelf(type: Newable<object>): void {
    if (this.container.isBound(type)) return;
    inheritInjection(type);
    this.container.bind(type).toSelf().inSingletonScope();
    this.#adopt(type);
  }

  /**
   * Every instance of a class that `wanted` accepts: of those bound here or in a parent, made now where they are singletons,
   * and of what was made otherwise until now. Throws `DECORATOR_MISPLACED` for one that is not the same for all who ask, and
   * for one that is bound under a condition and that nobody has asked for.
   */
  instances(wanted: (type: Function) => boolean): object[] {
    const found = new Set<object>();
    for (const token of this.interior.bindingService.getBoundServices()) {
      const bindings = [...(this.interior.bindingService.getChained(token) ?? [])];
      for (const binding of bindings.filter(one => isWanted(one, wanted))) {
        if (!binding.cache.isRight) this.#makeAll(token);
        const made = madeOf(binding);
        if (wanted(classOf(made))) found.add(made as object);
        else if (!binding.cache.isRight || made instanceof Promise) throw notMade(nameOfToken(token));
      }
    }
    return [...found];
  }

  #makeAll(token: ServiceIdentifier): void {
    try {
      makingIn(this.container, nameOfToken(token), () => this.container.getAll(token, {chained: true}));
    } catch (cause) {
      throw this.explained(token as Newable, nameOfToken(token), cause);
    }
  }

  /** Has each class that is bound here or in a parent get what its base classes inject, as a resource does. */
  inheritInjections(): void {
    for (const token of this.interior.bindingService.getBoundServices()) {
      for (const binding of this.interior.bindingService.getChained(token) ?? []) {
        if (binding.type === bindingTypeValues.Instance) inheritInjection(binding.implementationType);
      }
    }
  }

  /**
   * Throws `DECORATOR_MISPLACED` for a class with a member that only the container would fill or call, where the container makes
   * no instance of it.
   */
  refuseUnmade(type: Function, trail: string): void {
    const [member] = this.container.isBound(type as Newable) ? [] : membersFor(type);
    if (member !== undefined) throw unmade(type, String(member), trail);
  }

  /**
   * Throws `DEPENDENCY_FAILED` where a token is bound to a promise: what depends on it would be made when the promise is kept,
   * for a site that is not there.
   */
  refusePromised(token: ServiceIdentifier): void {
    try {
      makingIn(this.container, nameOfToken(token), () => this.container.get(token));
    } catch (cause) {
      // Whatever else is wrong is explained when something that depends on it is made.
      if (isInversifys(cause) && /asynchronous/i.test(messageOf(cause))) throw promised(token, cause);
    }
  }

  /** Load modules. Throws an `EspalierError` when one binds what can't be bound. */
  load(modules: readonly ContainerModule[]): void {
    this.#modules.push(...modules);
    try {
      this.container.load(...modules);
    } catch (cause) {
      if (!isInversifys(cause)) throw cause;
      const wayOut = 'The function of a module must give nothing back: put braces around its body.';
      const reason = /asynchronous module/.test(messageOf(cause)) ? wayOut : messageOf(cause);
      throw new EspalierError('DEPENDENCY_FAILED', `A module can't be loaded: ${reason}`, {cause});
    }
  }

  /** End all that this site brought into the container, each before what it depends on. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (const token of this.#dependentsFirst()) {
      await this.container.unbindAsync(token).catch((error: unknown) => {
        failures.push(error);
        this.#drop(token);
      });
    }
    // What a module has added to a token of the application's.
    await this.container.unloadAsync(...this.#modules).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be ended.');
  }

  /** As `end`, for a site that did not come about: at once, and without a word of what fails. */
  abandon(): void {
    for (const token of this.#dependentsFirst()) {
      this.container.unbindAsync(token).catch(() => undefined);
      this.#drop(token);
    }
    try {
      this.container.unload(...this.#modules);
    } catch {
      // Something would have ended later; it is off the container already.
    }
  }

  #dependentsFirst(): ServiceIdentifier[] {
    return [...new Set([...[...this.#made].toReversed(), ...this.#brought])];
  }

  // Inversify keeps what fails to end: a later site in this container would find it beside its own.
  #drop(token: ServiceIdentifier): void {
    this.interior.bindingService.removeAllByServiceId(token);
    this.interior.planResultCacheService.clearCache();
  }

  #adopt(token: ServiceIdentifier): void {
    this.#brought.add(token);
    this.container.onActivation(token, (_context, made) => {
      this.#made.add(token);
      return made;
    });
  }

  #bound(): Iterable<ServiceIdentifier> {
    return this.interior.bindingService.getNonParentBoundServices();
  }

  protected explained(type: Newable, trail: string, cause: unknown): unknown {
    // What Inversify refuses to bind has no dependencies to look into.
    const [fault] = this.container.isBound(type) ? this.faultsBelow(type, [], new Set()) : [];
    if (fault) return errorOf(fault, trail, cause);
    if (!isInversifys(cause)) return cause;
    return errorOf({code: 'DEPENDENCY_FAILED', chain: [], reason: messageOf(cause)}, trail, cause);
  }

  /** The faults on the way down from a token, depth first. `seen` are the tokens that have been looked at. */
  protected *faultsBelow(token: Token, above: readonly Token[], seen: Set<Token>): Generator<Fault> {
    const chain = [...above, token];
    if (token === undefined) return yield {code: 'DEPENDENCY_UNDEFINED', chain, reason: undefinedReason};
    if (above.includes(token)) return yield {code: 'DEPENDENCY_CYCLE', chain, reason: cycleReason};
    if (seen.has(token)) return;
    seen.add(token);
    const bindings = [...this.interior.bindingService.getChained(token)];
    if (bindings.length === 0) return yield {code: 'DEPENDENCY_MISSING', chain, reason: missingReason(token)};
    try {
      for (const dependency of bindings.flatMap(dependenciesOf)) yield* this.faultsBelow(dependency, chain, seen);
      const [reason] = bindings.flatMap(latenessOf);
      if (reason !== undefined) yield {code: 'DEPENDENCY_FAILED', chain, reason};
    } catch (error) {
      yield {code: 'DEPENDENCY_FAILED', chain, reason: messageOf(error)};
    }
  }
}

/**
 * A hold that makes nothing, for who wants to know whether a site could be made: it collects what is refused, in the words that are
 * used where a site is made. What stands for an instance is an object of its class whose constructor has not run.
 */
export class ContainerInspector extends SiteContainer {
  /** What is refused, in the order in which it was met. */
  readonly refusals: unknown[] = [];
  readonly #seen = new Set<Token>();
  readonly #judged = new Set<Newable<object>>();

  override attempt<T>(act: () => T, otherwise: T): T {
    try {
      return act();
    } catch (error) {
      this.refusals.push(error);
      return otherwise;
    }
  }

  override make<T extends object>(type: Newable<T>, trail: string, standIn?: () => T): T {
    if (!this.#judged.has(type)) this.#judge(type, trail);
    return standIn ? this.attempt(standIn, {} as T) : (this.#likeness(type) as T);
  }

  #judge(type: Newable<object>, trail: string): void {
    this.#judged.add(type);
    const told = this.refusals.length;
    try {
      this.bindSelf(type);
      for (const fault of this.faultsBelow(type, [], this.#seen)) this.refusals.push(errorOf(fault, trail));
      if (this.refusals.length === told) this.#plan(type);
    } catch (cause) {
      // What is wrong with a dependency is told where it is met first.
      const [known] = this.container.isBound(type) ? this.faultsBelow(type, [], new Set()) : [];
      if (!known) this.refusals.push(this.explained(type, trail, cause));
    }
  }

  override instances(wanted: (type: Function) => boolean): object[] {
    const bindings = [...this.interior.bindingService.getBoundServices()].flatMap(token => [
      ...(this.interior.bindingService.getChained(token) ?? []),
    ]);
    return bindings.filter(binding => this.attempt(() => isWanted(binding, wanted), false)).map(likenessOf) as object[];
  }

  override refusePromised(token: ServiceIdentifier): void {
    for (const binding of this.interior.bindingService.getChained(token)) if (isPromise(binding)) throw promised(token);
  }

  /** What Inversify refuses before it makes anything: what is bound twice, or under a condition that is not met. */
  #plan(serviceIdentifier: ServiceIdentifier): void {
    const {bindingService} = this.interior;
    const operations = {
      getActivations: nothing,
      getBindings: bindingService.get.bind(bindingService),
      getBindingsChained: bindingService.getChained.bind(bindingService),
      getClassMetadata,
      getPlan: nothing,
      setBinding: nothing,
      setNonCachedServiceNode: nothing,
      setPlan: nothing,
      subscribeActivationAddedOnce: nothing,
    };
    const rootConstraints = {isMultiple: false, serviceIdentifier} as const;
    plan({autobindOptions: undefined, jitEnabled: false, operations, rootConstraints, servicesBranch: []});
  }

  #likeness(type: Newable<object>): unknown {
    const [binding] = this.interior.bindingService.getChained(type);
    return (binding && likenessOf(binding)) ?? Object.create((type.prototype ?? null) as object | null);
  }
}

function errorOf({code, chain, reason}: Fault, trail: string, cause?: unknown): EspalierError {
  const way = [trail, ...chain.slice(1).map(nameOfToken)].join(' → ');
  return new EspalierError(code, `${way}: ${reason}`, {cause});
}

function promised(token: ServiceIdentifier, cause?: unknown): EspalierError {
  const message = `${nameOfToken(token)} is bound to a promise. Await it before, and bind what it gives by toConstantValue().`;
  return new EspalierError('DEPENDENCY_FAILED', message, {cause});
}

/** The tokens that a binding asks for and can't do without. */
function dependenciesOf(binding: Binding<unknown>): Token[] {
  const elements =
    binding.type === bindingTypeValues.Instance
      ? [...classElements(binding.implementationType)]
      : binding.type === bindingTypeValues.ResolvedValue
        ? binding.metadata.arguments
        : [];
  // `chained` tells a @multiInject, which does with none.
  return elements.flatMap(element =>
    'value' in element && !element.optional && !('chained' in element) ? [unwrapped(element.value)] : [],
  );
}

/** Why what is bound would be there later only, as the container sees it. */
function latenessOf(binding: Binding<unknown>): string[] {
  if (binding.type !== bindingTypeValues.Instance) return [];
  const {implementationType: type} = binding;
  const methods = type.prototype as Record<PropertyKey, unknown>;
  if (typeof methods['then'] === 'function') {
    return ['it has a method called then(), so it is taken for a promise. Give the method another name.'];
  }
  return [...getClassMetadata(type).lifecycle.postConstructMethodNames]
    .filter(name => Object.prototype.toString.call(methods[name]) === '[object AsyncFunction]')
    .map(
      name =>
        `its @postConstruct() method ${String(name)}() is asynchronous, and a site is made at once. Make it and await it before createSite(), and bind it by toConstantValue().`,
    );
}

/** A binding of something that may be the same for all who ask for it. */
type Holding = Extract<Binding<unknown>, {readonly cache: unknown}>;

/** Whether what is bound is, as far as can be told without making it, of a class that is wanted. */
function isWanted(binding: Binding<unknown>, wanted: (type: Function) => boolean): binding is Holding {
  if (binding.type !== bindingTypeValues.Instance) return wanted(classOf(madeOf(binding)));
  const type = binding.implementationType;
  if (wanted(type) && binding.scope !== bindingScopeValues.Singleton) throw notSingle(type);
  return wanted(type);
}

function madeOf(binding: Binding<unknown>): unknown {
  if ('cache' in binding && binding.cache.isRight) return binding.cache.value;
  return binding.type === bindingTypeValues.ConstantValue ? binding.value : undefined;
}

const nothing = () => undefined;

/** What stands for what is bound, where nothing may be made; nothing where nobody knows before it is made. */
function likenessOf(binding: Binding<unknown>): unknown {
  const made = madeOf(binding);
  if (made !== undefined || binding.type !== bindingTypeValues.Instance) return made;
  return Object.create(binding.implementationType.prototype as object);
}

/** Whether what is bound is, as far as can be told without making it, there later only. */
function isPromise(binding: Binding<unknown>): boolean {
  if (binding.type === bindingTypeValues.ConstantValue) return binding.value instanceof Promise;
  const make =
    binding.type === bindingTypeValues.DynamicValue
      ? binding.value
      : binding.type === bindingTypeValues.ResolvedValue
        ? binding.factory
        : undefined;
  return Object.prototype.toString.call(make) === '[object AsyncFunction]';
}

/** The class of an object. By its prototype: a field of the application's own may be called `constructor`, and hold anything. */
export function classOf(value: unknown): Function {
  if (typeof value !== 'object' || value === null) return Object;
  const prototype = Object.getPrototypeOf(value) as {readonly constructor?: unknown} | null;
  return typeof prototype?.constructor === 'function' ? prototype.constructor : Object;
}

/** Without this the container gives `undefined` for what a base class injects, and says nothing. Doing it twice is once. */
function inheritInjection(type: Newable): void {
  settleInjections(type);
  const base = Object.getPrototypeOf(type) as Function | null;
  if (!base || !isInjected(base)) return;
  const options = {extendConstructorArguments: !hasConstructor(type), extendProperties: true};
  injectFromHierarchy(options)(type);
}

const metadataKey = '@inversifyjs/core/classMetadataReflectKey';

function isInjected(type: Function | null): boolean {
  return (
    type !== null && (Reflect.hasOwnMetadata(metadataKey, type) || isInjected(Object.getPrototypeOf(type) as null))
  );
}

// A class without one passes on what it is given; so does the one that the compiler makes for fields.
function hasConstructor(type: Newable): boolean {
  return /\bconstructor\s*\((?!\s*\)\s*\{\s*super\(\.\.\.arguments\))/.test(Function.prototype.toString.call(type));
}

/** What the container fills or calls when it makes an instance of a class, or of one that this extends. */
function membersFor(type: Function): PropertyKey[] {
  // Not by `getClassMetadata`, which refuses a constructor that is none of the container's business here.
  const metadata = Reflect.getOwnMetadata(metadataKey, type) as ClassMetadata | undefined;
  const {properties, lifecycle} = metadata ?? {};
  const own = [properties?.keys(), lifecycle?.postConstructMethodNames, lifecycle?.preDestroyMethodNames];
  const base = Object.getPrototypeOf(type) as Function | null;
  return [...(base ? membersFor(base) : []), ...own.flatMap(names => [...(names ?? [])])];
}

function unmade({name}: Function, member: string, trail: string): EspalierError {
  const wayOut = `Hand over what it needs by the constructor, or bind ${name} and have a factory in the container make it.`;
  const reason = `the decorator on ${name}.${member} is for the container, but methods with @Child make ${name} themselves`;
  return new EspalierError('DECORATOR_MISPLACED', `${trail}: ${reason}. ${wayOut}`);
}

function notSingle({name}: Function): EspalierError {
  const message = `${name} has an @OnExpire() method, but its binding makes more than one of it. Bind it in singleton scope.`;
  return new EspalierError('DECORATOR_MISPLACED', message);
}

function notMade(name: string): EspalierError {
  const message = `What is bound to ${name} has an @OnExpire() method, but it can't be made now: nothing meets the condition it is bound under, or it comes later. Bind it without a condition, or make it before.`;
  return new EspalierError('DECORATOR_MISPLACED', message);
}

function classElements(implementation: Newable) {
  const {constructorArguments, properties} = getClassMetadata(implementation);
  return [...constructorArguments, ...properties.values()];
}

function unwrapped(token: ServiceIdentifier | LazyServiceIdentifier | undefined): Token {
  return LazyServiceIdentifier.is(token) ? token.unwrap() : token;
}

function interiorOf(container: Container): PluginContext {
  const seen: PluginContext[] = [];
  class Look extends Plugin<Container> {
    load(): void {
      seen.push(this._context);
    }
  }
  container.register(Look);
  return seen[0]!;
}

function isInversifys(error: unknown): boolean {
  return error instanceof Error && error.constructor.name.startsWith('Inversify');
}

function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, unmarked] = /missing metadata on type "(.+?)"/.exec(message) ?? [];
  return unmarked === undefined ? message : `${unmarked} has a constructor parameter without @inject(Token).`;
}

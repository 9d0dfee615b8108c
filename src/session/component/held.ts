import {proceed, promised, recovered, type Awaitable} from '../../awaitable.ts';
import {EspalierError} from '../../errors.ts';
import type {ReadOnly} from '../../read-only.ts';
import type {StoredComponent} from '../store/contract.ts';
import {isOver} from '../store/refusals.ts';
import type {ComponentClass, ComponentDeclaration, Components} from './component.ts';
import {contentOf} from './content.ts';
import {instanceOf, viewOf} from './fields.ts';
import {updated, type ComponentUpdate} from './update.ts';
import type {Change, ComponentWriter} from './writer.ts';

/** What the components of all sessions of a site share. */
export interface ComponentParts {
  readonly components: Components;
  readonly writer: Pick<ComponentWriter, 'write'>;
  /** The most bytes that one may take. */
  readonly componentLimit: number;
}

/** The session that they rest in. */
export interface Holder {
  readonly key: string;
  /** As of which sign-in a write is asked for. Nothing for whichever. */
  readonly knownSignIn: number | undefined;
  /** A write has found the session ended, or signed in to by somebody. */
  noteEnd(): void;
}

/** The components of one session: as they were found, and as its own writes have left them since. */
export class HeldComponents {
  readonly #holder: Holder;
  readonly #parts: ComponentParts;
  #stored: ReadonlyMap<string, StoredComponent>;
  /** The names of those that were asked for; nothing for all. */
  #listed: ReadonlySet<string> | undefined;
  #writes = 0;
  /** What was given to be read, and of which writing it is. */
  #given: Map<ComponentDeclaration, {readonly revision: number; readonly value: unknown}> | undefined;

  constructor(
    holder: Holder,
    stored: ReadonlyMap<string, StoredComponent>,
    parts: ComponentParts,
    listed: ReadonlySet<string> | undefined,
  ) {
    this.#holder = holder;
    this.#stored = stored;
    this.#parts = parts;
    this.#listed = listed;
  }

  /** How many writes have been done here. */
  get writes(): number {
    return this.#writes;
  }

  /** Take over what a store has said, who was asked after so many writes: what was written meanwhile may be newer. */
  adopt(stored: ReadonlyMap<string, StoredComponent>, writes: number): void {
    if (writes !== this.#writes) return;
    this.#stored = stored;
    this.#listed = undefined;
  }

  /** As `Session.get`. */
  get<T extends object>(type: ComponentClass<T>): ReadOnly<T> {
    const component = this.#parts.components.of(type);
    this.#refuseUnlisted(component);
    return this.#read(component);
  }

  /** As `Session.update`. */
  update<T extends object>(type: ComponentClass<T>, fn: ComponentUpdate<T>): Promise<ReadOnly<T>> {
    return promised(() => {
      const {components, componentLimit} = this.#parts;
      const component = components.of(type);
      const written = this.#write(component, current => updated(component, current, fn, componentLimit));
      return proceed(written, () => this.#read(component));
    });
  }

  /** As `Session.remove`. */
  async remove(type: ComponentClass): Promise<boolean> {
    let isThere = false;
    await this.#write(this.#parts.components.of(type), current => {
      isThere = current !== undefined;
      return undefined;
    });
    return isThere;
  }

  /** As `Session.take`. */
  async take<T extends object>(type: ComponentClass<T>): Promise<T | undefined> {
    const component = this.#parts.components.of(type);
    this.#refuseUnlisted(component);
    if (!this.#stored.has(component.name)) return undefined;
    let taken: T | undefined;
    await this.#write(component, current => {
      taken = current && instanceOf(component, contentOf(current));
      return undefined;
    });
    return taken;
  }

  #read<T extends object>(component: ComponentDeclaration<T>): ReadOnly<T> {
    const stored = this.#stored.get(component.name);
    const revision = stored?.revision ?? 0;
    const given = this.#given?.get(component);
    if (given?.revision === revision) return given.value as ReadOnly<T>;
    const value = viewOf(component, stored);
    (this.#given ??= new Map()).set(component, {revision, value});
    return value;
  }

  #refuseUnlisted({name}: ComponentDeclaration): void {
    if (this.#listed?.has(name) ?? true) return;
    throw new EspalierError(
      'COMPONENT_NOT_LISTED',
      `The list was not asked for the component ${name}. Ask for it: list({components: [${name}]}).`,
    );
  }

  #write({name}: ComponentDeclaration, change: Change): Awaitable<void> {
    const {key, knownSignIn} = this.#holder;
    const write = () => this.#parts.writer.write(key, name, this.#stored.get(name), change, knownSignIn);
    const written = recovered(write, error => {
      if (isOver(error)) this.#holder.noteEnd();
      throw error;
    });
    return proceed(written, left => {
      this.#writes += 1;
      const stored = new Map(this.#stored);
      this.#stored = stored;
      if (left) stored.set(name, left);
      else stored.delete(name);
    });
  }
}

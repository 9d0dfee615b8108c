import {classOf} from '../../container.ts';
import {decorating, noteIn, noteOn, onMethod, refuseBareCall, type NoteKey} from '../../decorator.ts';
import {EspalierError} from '../../errors.ts';
import {Place} from '../../place.ts';
import type {ReadOnly} from '../../read-only.ts';
import type {ComponentClass, Components} from '../component/component.ts';
import {viewOf} from '../component/fields.ts';
import type {EndedSession, EndReason, SessionRecord} from '../store/contract.ts';

/** The end of a session, as an `@OnExpire` method is told of it. Moments are in milliseconds since the epoch. */
export class SessionEnd {
  /**
   * The uid that the session was begun with. It is the same each time this end is told, and no other session has it, so a
   * method that must not act twice can recognise a repeat by it.
   */
  readonly key: string;
  /** Why the session ended. */
  readonly reason: EndReason;
  /** When it ended. */
  readonly endedAt: number;
  /** When it was begun. */
  readonly createdAt: number;
  /** When the visitor was last seen, to within 1/20 of the idle timeout, or an hour where that is less. */
  readonly lastSeenAt: number;
  /** Whose session it was, if somebody had signed in. */
  readonly user: string | undefined;
  /** With what it was begun, as `session.device`. */
  readonly device: string | undefined;
  /** How many times this end has been told, this time included. */
  readonly attempts: number;
  readonly #stored: SessionRecord['components'];
  readonly #components: Components;

  /** Used by the site, which tells of ends. */
  constructor({key, reason, endedAt, attempts}: EndedSession, session: SessionRecord, components: Components) {
    this.key = key;
    this.reason = reason;
    this.endedAt = endedAt;
    this.attempts = attempts;
    this.createdAt = session.createdAt;
    this.lastSeenAt = session.lastSeenAt;
    this.user = session.user;
    this.device = session.device;
    this.#stored = session.components;
    this.#components = components;
  }

  /** A component as it was when the session ended; a new one where there was none. Nothing in it can be changed. */
  get<T extends object>(type: ComponentClass<T>): ReadOnly<T> {
    const component = this.#components.of(type);
    return viewOf(component, this.#stored.get(component.name));
  }
}

/** A method that is told of ends. */
type EndMethod = (end: SessionEnd) => unknown;

const key: NoteKey<PropertyKey[]> = Symbol.for('espalier.onExpire');

interface EndDecorator {
  (method: EndMethod, context: ClassMethodDecoratorContext): void;
  // Last: the compiler tells why the last one does not fit.
  (target: object, name: PropertyKey, descriptor: {value?: EndMethod}): void;
}

/**
 * The method is told of each session that ends, on whichever process, for whichever reason, once it is done without throwing: in
 * a cluster one process tells it. It is told again, with the same `end.key`, when it throws or rejects, when it takes more than
 * five minutes, or when its process dies meanwhile: after a second at first, later and later, and no more after eight times.
 * What ended while no process was
 * alive is told when one begins, with a store that outlives it. It runs outside any request.
 *
 * It may stand on a resource, or on any class that the container makes as a singleton. Throws `DECORATOR_MISPLACED` elsewhere.
 */
export function OnExpire(...given: never[]): EndDecorator {
  decorating('@OnExpire', () => refuseBareCall('@OnExpire()', given));
  const place = new Place();
  return (target: object, context: unknown) =>
    void decorating('@OnExpire()', () => {
      const decorated = onMethod('@OnExpire()', target, context, place);
      noteIn(key, decorated, () => []).push(decorated.name);
    });
}

/** What wants to be told of each end, and how a log line names it. */
export interface EndHandler {
  readonly name: string;
  readonly tell: EndMethod;
}

/** The methods of an instance that are told of ends. */
export function endHandlersOf(instance: object): EndHandler[] {
  const type = classOf(instance);
  return endMethodsOf(type).map(name => ({
    name: `${type.name}.${String(name)}()`,
    tell: end => (instance as Record<PropertyKey, EndMethod>)[name]!(end),
  }));
}

/** Whether instances of a class are told of ends. */
export function hearsOfEnds(type: Function): boolean {
  return endMethodsOf(type).length > 0;
}

/** Throws `DECORATOR_MISPLACED` for a class that waits in vain: of those that are `told` none is an instance of it. */
export function refuseUntold(type: Function, told: readonly object[]): void {
  if (!hearsOfEnds(type) || told.some(instance => instance instanceof type)) return;
  throw new EspalierError(
    'DECORATOR_MISPLACED',
    `${type.name} has an @OnExpire() method, but is not made with the site: a method with @Child makes it, or what is above it. Put @OnExpire() on what is there from the beginning.`,
  );
}

/** The names of the methods of a class, and of those it extends, that are told of ends. */
function endMethodsOf(type: Function): readonly PropertyKey[] {
  const own = noteOn(key, type) ?? [];
  const base = Object.getPrototypeOf(type) as Function | null;
  return base ? [...new Set([...endMethodsOf(base), ...own])] : own;
}

import {proceed, promised, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {EspalierError} from '../../errors.ts';
import type {Logger} from '../../logger.ts';
import type {TimeLimit} from '../../time-limit.ts';
import type {Components} from '../component/component.ts';
import type {ComponentWriter} from '../component/writer.ts';
import type {CrossSiteRule} from './cross-site.ts';
import type {EndListeners} from '../end/listeners.ts';
import type {InFlight} from './in-flight.ts';
import type {Lifetime} from '../store/lifetime.ts';
import type {SessionRecord, SessionStore} from '../store/contract.ts';
import type {EndListener, SessionKeeper} from '../session.ts';
import type {TokenSource} from './token.ts';

/** What all sessions of a site share. */
export interface KeeperParts {
  readonly store: SessionStore;
  /** How long a call may take, with all that the store is asked for it. */
  readonly timeLimit: TimeLimit;
  readonly writer: ComponentWriter;
  readonly listeners: EndListeners;
  readonly inFlight: InFlight;
  readonly newToken: TokenSource;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The uids of sessions whose record can't be read, as far as the operator has been told. */
  readonly unreadable: Set<string>;
  /** What requests of other sites may do. */
  readonly crossSite: CrossSiteRule;
  readonly lifetime: Lifetime;
  readonly renewalGrace: number;
  readonly userLimit: number;
  readonly componentLimit: number;
  readonly components: Components;
}

/** Keeps sessions that are looked at from elsewhere than the visit of whose they are, as in a list. */
export class Keeper implements SessionKeeper {
  /** Those of the site. */
  readonly parts: KeeperParts;

  constructor(parts: KeeperParts) {
    this.parts = parts;
  }

  get componentLimit(): number {
    return this.parts.componentLimit;
  }

  get components(): Components {
    return this.parts.components;
  }

  now(): number {
    return this.parts.clock.now();
  }

  touch(key: string, asOf: number): Awaitable<SessionRecord | undefined> {
    return this.parts.store.touch(key, this.knownSignIn(asOf));
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf: number): Awaitable<SessionRecord | undefined> {
    return proceed(this.parts.store.setIdleTimeout(key, idleTimeout, this.knownSignIn(asOf)), record => {
      if (record) this.parts.inFlight.hear(record);
      return record;
    });
  }

  change(
    ...[key, name, known, change, asOf]: Parameters<SessionKeeper['change']>
  ): ReturnType<SessionKeeper['change']> {
    return this.parts.writer.change(key, name, known, change, this.knownSignIn(asOf));
  }

  /** As of which sign-in the store is asked. Nothing for whichever: a session in a list is looked at from outside. */
  protected knownSignIn(_asOf: number): number | undefined {
    return undefined;
  }

  notifyOnEnd(key: string, listener: EndListener): () => void {
    return this.parts.listeners.add(key, listener);
  }

  renew(_key: string): Promise<void> {
    const message = 'Only the visitor whose session it is can be given a new cookie, by a request of theirs.';
    return Promise.reject(new EspalierError('SESSION_FOREIGN', message));
  }

  expire(key: string, _asOf: number): Promise<void> {
    return promised(() => proceed(this.parts.store.end(key, 'revoked'), () => undefined));
  }
}

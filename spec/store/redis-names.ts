import type {EndStore, SessionStore} from 'espalier';
import {isLive, type ListedPage, type Renewal} from '../../src/session/store/contract.ts';
import type {RedisStore} from 'espalier/store/redis';

type Named = {readonly key?: string; readonly uid?: string; readonly session?: Named | undefined};

/**
 * The uids that the suite names, as those that a store of several partitions can have: as a visit draws tokens, so this draws uids
 * for a name. All stores of a fixture share it.
 */
export class Names {
  readonly #uids = new Map<string, string>();
  readonly #names = new Map<string, string>();
  /** Names that a renewal under way gives. */
  readonly #coming = new Set<string>();

  /** The uid of this name. */
  uid(name: string): string {
    return this.#uids.get(name) ?? name;
  }

  /** A store that is asked and answers by names. */
  over(store: RedisStore): SessionStore & EndStore {
    const by = async <T>(answer: Promise<T>) => this.#told(await answer);
    const page = async (listed: Promise<ListedPage>) => {
      const {records, next} = await listed;
      return {records: records.map(record => this.#told(record)), next};
    };
    return {
      create: session => by(store.create({...session, uid: this.#keep(session.uid, this.uid(session.uid))})),
      find: (uid, isSeen) => by(store.find(this.uid(uid), isSeen)),
      touch: (key, asOf) => by(store.touch(this.uid(key), asOf)),
      read: key => by(store.read(this.uid(key))),
      write: (key, ...rest) => store.write(this.uid(key), ...rest),
      renew: async (key, renewal) => {
        await store.count();
        const drawn = await this.#drawn(store, key, renewal);
        return by(store.renew(this.uid(key), drawn).finally(() => this.#coming.delete(renewal.to)));
      },
      setIdleTimeout: (key, ...rest) => by(store.setIdleTimeout(this.uid(key), ...rest)),
      end: (key, ...rest) => store.end(this.uid(key), ...rest),
      list: (user, wanted) => page(store.list(user, wanted)),
      listEveryone: wanted => page(store.listEveryone(wanted)),
      endAll: (user, reason, {except, ...rest}) =>
        store.endAll(user, reason, {...rest, ...(except !== undefined && {except: this.uid(except)})}),
      endEveryone: (reason, wanted) => store.endEveryone(reason, wanted),
      endsSince: async mark => {
        const since = await store.endsSince(mark);
        return {...since, ends: since.ends.map(end => this.#told(end))};
      },
      sweep: () => store.sweep(),
      count: () => store.count(),
      keepEnds: () => store.keepEnds(),
      takeEnds: async (...args) => (await store.takeEnds(...args)).map(end => this.#told(end)),
      settleEnd: (key, outcome) => store.settleEnd(this.uid(key), outcome),
      releaseEnds: most => store.releaseEnds(most),
      countEnds: () => store.countEnds(),
      eraseEnds: (...args) => store.eraseEnds(...args),
      close: () => store.close(),
    };
  }

  /** A renewal to a uid that the session can have; unless the name is that of another live session. */
  async #drawn(store: RedisStore, name: string, {from, to, ...rest}: Renewal): Promise<Renewal> {
    const key = this.uid(name);
    let uid = this.uid(to);
    const isComing = this.#coming.has(to);
    this.#coming.add(to);
    const isTaken = isComing || isLive(await store.find(uid, false));
    if (!store.canHave(key, uid) && !isTaken) {
      for (let i = 0; !store.canHave(key, uid); i += 1) uid = `${to}~${i}`;
    }
    return {...rest, from: this.uid(from), to: this.#keep(to, uid)};
  }

  #keep(name: string, uid: string): string {
    this.#uids.set(name, uid);
    this.#names.set(uid, name);
    return uid;
  }

  #told<T>(answer: T): T {
    if (answer === undefined) return answer;
    const {key, uid, session} = answer as Named;
    return {
      ...answer,
      ...(key !== undefined && {key: this.#names.get(key) ?? key}),
      ...(uid !== undefined && {uid: this.#names.get(uid) ?? uid}),
      ...(session !== undefined && {session: this.#told(session)}),
    };
  }
}

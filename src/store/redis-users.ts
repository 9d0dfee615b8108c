import {setTimeout as sleep} from 'node:timers/promises';
import {
  mostReplaced,
  type EndedPage,
  type EndPage,
  type EndReason,
  type ListedPage,
  type SessionRecord,
} from '../session/store/contract.ts';
import type {Partition, RedisPartitions} from './redis-partitions.ts';
import {encodeName, recordsOf, type Reply} from './redis-record.ts';

/** Has an operation run in a partition, before a moment of `performance.now()`. */
export type Ask = (operation: string, partition: Partition, args: readonly string[], until?: number) => Promise<Reply>;

/** How long a sign-in takes at most, in milliseconds. `redis.lua` takes no key off a list that came less than a minute ago. */
const longestSignIn = 30_000;

/** Keys of a list, each followed by whether it came lately. */
type Listed = readonly string[];

/**
 * The sessions of a user where there are several partitions: the list is in one, the sessions are in others. All that is done to
 * them begins with the list, which lacks none and may have too many; what is there is known where the session lies.
 */
export class RedisUsers {
  readonly #ask: Ask;
  readonly #partitions: RedisPartitions;
  readonly #patience: number;

  /** `patience` is how many milliseconds a sign-in waits for others of the same user that came earlier. */
  constructor(ask: Ask, partitions: RedisPartitions, patience: number) {
    this.#ask = ask;
    this.#partitions = partitions;
    this.#patience = patience;
  }

  /** Sign in the session by a key. Whom another sign-in has overtaken meanwhile has no session any more. */
  async signIn(
    {user, key, limit}: {readonly user: string; readonly key: string; readonly limit: string},
    renewal: readonly string[],
    lifetime: readonly string[],
  ): Promise<Reply> {
    const until = performance.now() + longestSignIn;
    const reserved = await this.#ask('reserve', this.#partitions.of(user), [user, key, ...(limit ? [limit] : [])]);
    const [count, listed] = reserved as [string, Listed];
    if (listed.length > 0) await this.#replace(user, Number(count) - Number(limit), listed);
    return this.#ask('renew', this.#partitions.of(key), [key, ...renewal, user, '', ...lifetime], until);
  }

  /** End those that are past the limit, if so many too many were all there. */
  async #replace(user: string, tooMany: number, listed: Listed): Promise<void> {
    const states = await this.#visit('look', user, [], listed);
    const here = keysOf(listed).filter(key => states.get(key) === 'here');
    const surplus = Math.min(tooMany - (states.size - here.length), mostReplaced);
    // One that came earlier and is about to be signed in is waited for a little, so that its visitor gets an answer first.
    let left = new Set(here.slice(0, Math.max(surplus, 0)));
    for (const last = performance.now() + this.#patience; left.size > 0; await sleep(10)) {
      const isLast = performance.now() > last;
      const signedIn = isLast ? listed : listed.map((word, i) => (i % 2 === 0 ? word : '0'));
      const ended = await this.#visit('endThese', user, ['replaced'], signedIn, key => left.has(key));
      if (isLast) return;
      left = new Set([...left].filter(key => ended.get(key) === 'early'));
    }
  }

  async list(user: string, names: readonly string[], most: number, after: string): Promise<ListedPage> {
    const {next, listed} = await this.#page(user, most, after);
    const found = await this.#visit('summaries', user, [String(names.length), ...names], listed);
    return {records: recordsOf(keysOf(listed).map(key => found.get(key)!)), next};
  }

  async endAll(user: string, reason: EndReason, {most, after = ''}: EndPage, except?: string): Promise<EndedPage> {
    const {next, listed} = await this.#page(user, most, after);
    const states = await this.#visit('endThese', user, [reason], listed, key => key !== except);
    return {count: [...states.values()].filter(state => state === 'ended').length, next};
  }

  /** Put a session that is in use into the list, unless it is there. Nobody waits for it. */
  enlist({key, user, authenticatedAt, createdAt}: SessionRecord): void {
    if (user === undefined) return;
    const name = encodeName(user);
    const enlisted = this.#ask('enlist', this.#partitions.of(name), [name, key, String(authenticatedAt ?? createdAt)]);
    // The next time makes up for it; an operator has been told.
    enlisted.catch(() => {});
  }

  /** Take what is not there any more off the lists; each member is a key and its user, in two lines. */
  async clear(members: readonly string[]): Promise<void> {
    const clear = async (member: string) => {
      const [key, user] = member.split('\n') as [string, string];
      await this.#visit('look', user, [], [key, '0']);
    };
    await Promise.all(members.map(clear));
  }

  async #page(user: string, most: number, after: string): Promise<{next: string | undefined; listed: Listed}> {
    const reply = await this.#ask('listed', this.#partitions.of(user), [user, String(most), after]);
    const [next, listed] = reply as [string, Listed];
    return {next: next || undefined, listed};
  }

  /** Run an operation where the sessions of these keys lie. Gives what came of each, and takes off the list what is gone. */
  async #visit(
    operation: string,
    user: string,
    args: readonly string[],
    listed: Listed,
    isWanted: (key: string) => boolean = () => true,
  ): Promise<ReadonlyMap<string, Reply>> {
    const groups = new Map<Partition, string[]>();
    for (let i = 0; i < listed.length; i += 2) {
      const [key, isLate] = [listed[i]!, listed[i + 1]!];
      const partition = this.#partitions.of(key);
      if (isWanted(key)) groups.set(partition, [...(groups.get(partition) ?? []), key, isLate]);
    }
    const answers = new Map<string, Reply>();
    const visit = async ([partition, keys]: [Partition, string[]]) => {
      const reply = await this.#ask(operation, partition, [user, ...args, ...keys]);
      for (const [i, answer] of [...(reply as Reply[])].entries()) answers.set(keys[2 * i]!, answer);
    };
    await Promise.all([...groups].map(visit));
    const gone = [...answers.keys()].filter(key => ['gone', 'early'].includes(answers.get(key) as string));
    if (gone.length > 0) await this.#ask('unlist', this.#partitions.of(user), [user, ...gone]);
    return answers;
  }
}

function keysOf(listed: Listed): string[] {
  return listed.filter((_, i) => i % 2 === 0);
}

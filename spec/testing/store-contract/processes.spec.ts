import test from 'ava';
import {isLive, type EndReason, type SessionRecord} from '../../../src/session/store/contract.ts';
import {processes} from '../../../src/testing/store-contract/processes.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that tells of the ends of its own process alone is found at fault', async t => {
  class Deaf extends Handle {
    readonly #own = new Set<string>();

    override async end(key: string, reason: EndReason) {
      this.#own.add(key);
      return super.end(key, reason);
    }

    override async endsSince(mark: string | undefined) {
      const {ends, ...rest} = await super.endsSince(mark);
      return {ends: ends.filter(({key}) => this.#own.has(key)), ...rest};
    }
  }
  await findsFault(t, processes, 'a session that ends in one process is told of in each, once', Deaf);
});

test('a store that remembers sessions in its own process is found at fault', async t => {
  class Caching extends Handle {
    readonly #found = new Map<string, SessionRecord>();

    override async find(uid: string, isSeen: boolean) {
      const found = this.#found.get(uid) ?? (await super.find(uid, isSeen));
      if (isLive(found)) this.#found.set(uid, found);
      return found;
    }
  }
  await findsFault(t, processes, 'a session that ends in one process is gone in the other at once', Caching);
  await findsFault(t, processes, 'what one process does to a session the other finds at once', Caching);
});

test('a store that looks whether a session is there, and then writes it whole, is found at fault', async t => {
  class Upserting extends Handle {
    override async touch(key: string) {
      const found = await super.touch(key);
      await new Promise(setImmediate);
      return found && this.ask(memory => memory.touch(key) ?? memory.create({...found, uid: key}));
    }
  }
  const title = 'a session that is touched in one process while it ends in another stays ended';
  await findsFault(t, processes, title, Upserting);
});

test('a store in which each process tells what it sweeps, whoever swept it before, is found at fault', async t => {
  class Eager extends Handle {
    override async endsSince(mark: string | undefined) {
      const {ends, ...rest} = await super.endsSince(mark);
      return {ends: ends.flatMap(end => (end.reason === 'idle' ? [end, end] : [end])), ...rest};
    }
  }
  const title = 'two thousand sessions that two processes sweep give each exactly one kept end, told once in each';
  await findsFault(t, processes, title, Eager);
});

import test from 'ava';
import {isLive, type NewSession} from '../../../src/session/store/contract.ts';
import type {MemoryStore} from '../../../src/store/memory.ts';
import {lasting} from '../../../src/testing/store-contract/lasting.ts';
import {findsFault, Handle} from './stores.ts';

test('a store in which sessions last a millisecond longer is found at fault', async t => {
  class Late extends Handle {
    override ask<T>(act: (memory: MemoryStore) => T) {
      const {clock} = this;
      return this.shared.at({now: () => clock.now() - 1, after: (delay, ring) => clock.after(delay, ring)}, act);
    }

    override create(session: NewSession) {
      return this.shared.at(this.clock, memory => memory.create(session));
    }
  }
  const title = 'an idle session is there one millisecond before its idle timeout, and gone at it';
  await findsFault(t, lasting, title, Late);
});

test('a store in which a busy session lasts for ever is found at fault', async t => {
  class Eternal extends Handle {
    override touch(key: string) {
      return this.ask(memory => {
        const found = memory.touch(key);
        const signIn = {user: key, limit: 1};
        const renewed = found && memory.renew(key, {from: found.uid, to: `${found.uid}'`, grace: 0, signIn});
        return isLive(renewed) ? renewed : undefined;
      });
    }
  }
  const title = 'a busy session is there one millisecond before its absolute timeout, and gone at it';
  await findsFault(t, lasting, title, Eternal);
});

test('a store that never gives a session an idle timeout of its own is found at fault', async t => {
  class Stubborn extends Handle {
    override setIdleTimeout(key: string) {
      return this.touch(key);
    }
  }
  await findsFault(t, lasting, 'setIdleTimeout() with more makes a session last for longer', Stubborn);
  await findsFault(t, lasting, 'setIdleTimeout() with less makes a session last for less, from now', Stubborn);
});

import test from 'ava';
import type {EndReason, SessionRecord, StoreListener} from '../../../src/session/store/contract.ts';
import {ending} from '../../../src/testing/store-contract/ending.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that revives a session which is touched after its end is found at fault', async t => {
  class Reviving extends Handle {
    readonly #records = new Map<string, SessionRecord>();

    override touch(key: string) {
      return this.ask(memory => {
        const last = this.#records.get(key);
        const found = memory.touch(key) ?? (last && memory.create(last));
        if (found) this.#records.set(key, found);
        return found;
      });
    }
  }
  await findsFault(t, ending, 'no touch revives an ended session: logout wins', Reviving);
});

test('a store that tells of an end twice is found at fault', async t => {
  class Repeating extends Handle {
    override onEnd(listener: StoreListener) {
      return super.onEnd((key, reason) => {
        listener(key, reason);
        this.clock.after(2000, () => listener(key, reason));
      });
    }
  }
  await findsFault(t, ending, 'an end is told once to each who listens', Repeating);
});

test('a store that tells of what was asked for alone is found at fault', async t => {
  class Unswept extends Handle {
    override onEnd(listener: StoreListener) {
      return super.onEnd((key, reason) => reason === 'idle' || listener(key, reason));
    }
  }
  const title = 'a session that nobody asks for is told of as idle after its deadline, and not before it';
  await findsFault(t, ending, title, Unswept);
  await findsFault(t, ending, 'two thousand sessions that are due at once all end, each once', Unswept);
});

test('a store that takes every timeout for idleness is found at fault', async t => {
  class Blunt extends Handle {
    override onEnd(listener: StoreListener) {
      return super.onEnd((key, reason) => listener(key, reason === 'absolute' ? 'idle' : reason));
    }
  }
  const title = 'a session that comes to its absolute deadline is told of as ended by that, asked for or not';
  await findsFault(t, ending, title, Blunt);
});

test('a store by which everybody who ends a session has ended it is found at fault', async t => {
  class Flattering extends Handle {
    override async end(key: string, reason: EndReason) {
      await super.end(key, reason);
      return true;
    }
  }
  await findsFault(t, ending, 'end() of what is not there, or is past its deadline, ends nothing', Flattering);
});

test('a store that leaves a timer when it is closed is found at fault', async t => {
  class Lingering extends Handle {
    override close() {
      this.clock.after(1000, () => undefined);
      return super.close();
    }
  }
  await findsFault(t, ending, 'after close() nothing is told any more, and no timer is left', Lingering);
});

import test from 'ava';
import type {NewSession} from '../../../src/session/store/contract.ts';
import {clocks} from '../../../src/testing/store-contract/clocks.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that takes the time as it comes is found at fault when the clock steps back', async t => {
  class Trusting extends Handle {
    override async touch(key: string) {
      const found = await super.touch(key);
      return found && {...found, lastSeenAt: this.clock.now()};
    }
  }
  await findsFault(
    t,
    clocks,
    'a clock that steps back moves no deadline back, whatever is done to the session',
    Trusting,
  );
  const title = 'between processes whose clocks are five minutes apart no deadline moves back';
  await findsFault(t, clocks, title, Trusting);
});

test('a store that hides what is past its deadline, but does not end it, is found at fault', async t => {
  class Hiding extends Handle {
    readonly #deadlines = new Map<string, number>();

    override create(session: NewSession) {
      this.#deadlines.set(session.uid, this.clock.now() + session.idleTimeout);
      return this.ask(memory => memory.create({...session, idleTimeout: session.absoluteTimeout}));
    }

    override touch(key: string) {
      return this.clock.now() < this.#deadlines.get(key)! ? super.touch(key) : undefined;
    }
  }
  const title = 'a session that has ended by its deadline stays ended when the clock steps back';
  await findsFault(t, clocks, title, Hiding);
});

import test from 'ava';
import {isLive, type NewSession, type SessionRecord} from '../../../src/session/store/contract.ts';
import {beginning} from '../../../src/testing/store-contract/beginning.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that puts a new session in the place of a live one is found at fault', async t => {
  class Careless extends Handle {
    override create(session: NewSession) {
      return this.ask(memory => {
        memory.end(session.uid, 'evicted');
        return memory.create(session);
      });
    }
  }
  await findsFault(t, beginning, 'create() refuses the uid of a live session, and leaves that session alone', Careless);
  await findsFault(t, beginning, 'of many who begin a session by one uid at once, one has begun it', Careless);
});

test('a store that gives what is there to who would begin it is found at fault', async t => {
  class Generous extends Handle {
    override create(session: NewSession) {
      return this.ask(memory => {
        const found = memory.find(session.uid, true);
        return isLive(found) ? found : memory.create(session);
      });
    }
  }
  await findsFault(t, beginning, 'create() refuses a uid that a live session has taken by a renewal', Generous);
});

test('a store that gives the record that it holds, to be changed by anyone, is found at fault', async t => {
  class Open extends Handle {
    readonly #records = new Map<string, SessionRecord>();

    override async find(uid: string, isSeen: boolean) {
      const found = await super.find(uid, isSeen);
      if (isLive(found) && !this.#records.has(uid)) this.#records.set(uid, found);
      return this.#records.get(uid);
    }
  }
  await findsFault(t, beginning, 'what a store has given is a copy: changing it changes no session', Open);
});

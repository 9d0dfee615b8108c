import test from 'ava';
import {finding} from '../../../src/testing/store-contract/finding.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that counts a session as seen whoever finds it is found at fault', async t => {
  class Watchful extends Handle {
    override find(uid: string) {
      return super.find(uid, true);
    }
  }
  await findsFault(t, finding, 'a session that is found unseen does not count as seen', Watchful);
});

test('a store that begins what it is asked to touch is found at fault', async t => {
  class Inventive extends Handle {
    override touch(key: string) {
      const session = {uid: key, isSecure: false, device: undefined, idleTimeout: 5000, absoluteTimeout: 5000};
      return this.ask(memory => memory.touch(key) ?? memory.create(session));
    }
  }
  await findsFault(t, finding, 'no call but create() brings a session into being', Inventive);
});

test('a store that writes each time a session is seen is found at fault', async t => {
  class Busy extends Handle {
    override touch(key: string) {
      return this.ask(memory => {
        const found = memory.touch(key);
        return found && memory.setIdleTimeout(key, found.idleTimeout);
      });
    }
  }
  const title = 'being seen is not written where it gains no more than a twentieth of the idle timeout';
  await findsFault(t, finding, title, Busy);
});

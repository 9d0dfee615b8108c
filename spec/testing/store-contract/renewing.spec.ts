import test from 'ava';
import {isLive, type Renewal} from '../../../src/session/store/contract.ts';
import {renewing} from '../../../src/testing/store-contract/renewing.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that gives a new uid to whoever asks is found at fault: one session, many successors', async t => {
  class Inventive extends Handle {
    override renew(key: string, renewal: Renewal) {
      return this.ask(memory => memory.renew(key, {...renewal, from: memory.touch(key)?.uid ?? ''}));
    }
  }
  const title = 'who renews from a uid whose grace is over changes nothing, and is told that the uid is a former one';
  await findsFault(t, renewing, title, Inventive);
  const many = 'fifty renewals from one uid at once give at most three new ones, and each of those lasts';
  await findsFault(t, renewing, many, Inventive);
});

test('a store by which the old uid lasts for longer than its grace is found at fault', async t => {
  class Graceful extends Handle {
    override renew(key: string, renewal: Renewal) {
      return super.renew(key, {...renewal, grace: renewal.grace + 1});
    }
  }
  const title =
    'once the new uid is seen, the old one goes on until the last millisecond of its grace, and not past it';
  await findsFault(t, renewing, title, Graceful);
  await findsFault(t, renewing, 'without grace the old uid finds nothing once the new one is seen', Graceful);
});

test('a store that finds a session by its key for ever is found at fault', async t => {
  class KeyFinding extends Handle {
    override find(uid: string, isSeen: boolean) {
      return this.ask(memory => {
        const found = memory.find(uid, isSeen);
        return isLive(found) ? found : memory.touch(uid);
      });
    }
  }
  const title = 'when the grace is past, the key finds nothing as a uid, and all calls go by it still';
  await findsFault(t, renewing, title, KeyFinding);
});

test('a store that renews by beginning another session is found at fault', async t => {
  class Copying extends Handle {
    override async renew(key: string, {to}: Renewal) {
      const found = await this.touch(key);
      return found && this.create({...found, uid: to});
    }
  }
  const title = 'components and their revisions survive a renewal, and can be written after it';
  await findsFault(t, renewing, title, Copying);
  await findsFault(t, renewing, 'the old uid dies with the session, however much of its grace is left', Copying);
});

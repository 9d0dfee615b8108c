import test from 'ava';
import {isLive, type ListPage, type Renewal} from '../../../src/session/store/contract.ts';
import {users} from '../../../src/testing/store-contract/users.ts';
import {listAll} from '../../../src/testing/store-contract/world.ts';
import {findsFault, Handle} from './stores.ts';

test("a store that misses a user's session is found at fault", async t => {
  class Missing extends Handle {
    override async list(user: string, page: ListPage) {
      const {records, next} = await super.list(user, page);
      return {records: records.slice(0, 19), next};
    }
  }
  await findsFault(t, users, 'of twenty who sign in at once as one user the list lacks none', Missing);
});

test('a store that lists the sessions of a user by their uids is found at fault', async t => {
  class Sorting extends Handle {
    override async list(user: string, page: ListPage) {
      const {records, next} = await super.list(user, page);
      return {records: records.toSorted((a, b) => (a.uid < b.uid ? -1 : 1)), next};
    }
  }
  await findsFault(t, users, 'sign-ins in one and the same millisecond keep their order', Sorting);
});

test('a store that makes room for one who signs in, and signs them in, in two steps is found at fault', async t => {
  class TwoSteps extends Handle {
    override async renew(key: string, renewal: Renewal) {
      const {signIn, ...rest} = renewal;
      if (!signIn) return super.renew(key, renewal);
      const before = (await listAll(this, signIn.user)).filter(session => session.key !== key);
      await Promise.resolve();
      for (const session of before.slice(0, Math.max(before.length - signIn.limit + 1, 0))) {
        await this.end(session.key, 'replaced');
      }
      return super.renew(key, {...rest, signIn: {...signIn, limit: 1000}});
    }
  }
  await findsFault(t, users, 'however many sign in at once, no more are ever live than the limit', TwoSteps);
});

test('a store that signs a second user in over the first is found at fault', async t => {
  class Careless extends Handle {
    override async renew(key: string, renewal: Renewal) {
      const renewed = await super.renew(key, renewal);
      return isLive(renewed) ? {...renewed, user: renewal.signIn?.user ?? renewed.user} : renewed;
    }
  }
  const title = 'a session that has another user is given back as it is: nobody signs in over them';
  await findsFault(t, users, title, Careless);
});

test('a store that ends the sessions of a user one by one, from a list, is found at fault', async t => {
  class OneByOne extends Handle {
    override async endAll(user: string) {
      const sessions = await listAll(this, user);
      await new Promise(setImmediate);
      for (const {key} of sessions) await this.end(key, 'logout');
      return {count: sessions.length, next: undefined};
    }
  }
  const title = 'endAll() ends all sessions of a user for the reason given, says how many, and ends no others';
  await findsFault(t, users, title, OneByOne);
});

test('a store that counts the session to be spared is found at fault', async t => {
  class Counting extends Handle {
    override async endAll(...[user, reason, page]: Parameters<Handle['endAll']>) {
      const {count, next} = await super.endAll(user, reason, page);
      return {count: page.except === undefined ? count : count + 1, next};
    }
  }
  await findsFault(t, users, 'endAll() spares the session by the key that it is to spare', Counting);
});

test('a store that keeps an id of before a sign-in good is found at fault', async t => {
  class Lenient extends Handle {
    override find(uid: string, isSeen: boolean) {
      return this.ask(memory => {
        const found = memory.find(uid, isSeen);
        return found && !isLive(found) ? memory.touch(found.key) : found;
      });
    }
  }
  const title = 'the uid of before a sign-in finds no session any more, and is a former one of that session';
  await findsFault(t, users, title, Lenient);
});

test('a store that does not ask as of which sign-in it is called is found at fault', async t => {
  class Indifferent extends Handle {
    override touch(key: string) {
      return super.touch(key);
    }
  }
  const title = 'a call as of before a sign-in does nothing, and says so: touch, write, setIdleTimeout and end';
  await findsFault(t, users, title, Indifferent);
});

test('a store that gives more of a list than was asked for is found at fault', async t => {
  class Eager extends Handle {
    override list(user: string, page: ListPage) {
      return super.list(user, {...page, most: 1000});
    }
  }
  const title = 'list() and endAll() give pages of the size that is asked for, and in the end all sessions, each once';
  await findsFault(t, users, title, Eager);
});

import test from 'ava';
import type {Renewal} from '../../../src/session/session-store.ts';
import {users} from '../../../src/testing/store-contract/users.ts';
import {findsFault, Handle} from './stores.ts';

test("a store that misses a user's session is found at fault", async t => {
  class Missing extends Handle {
    override async list(user: string) {
      return (await super.list(user)).slice(0, 19);
    }
  }
  await findsFault(t, users, 'of twenty who sign in at once as one user the list lacks none', Missing);
});

test('a store that lists the sessions of a user by their uids is found at fault', async t => {
  class Sorting extends Handle {
    override async list(user: string) {
      return (await super.list(user)).toSorted((a, b) => (a.uid < b.uid ? -1 : 1));
    }
  }
  await findsFault(t, users, 'sign-ins in one and the same millisecond keep their order', Sorting);
});

test('a store that makes room for one who signs in, and signs them in, in two steps is found at fault', async t => {
  class TwoSteps extends Handle {
    override async renew(key: string, renewal: Renewal) {
      const {signIn, ...rest} = renewal;
      if (!signIn) return super.renew(key, renewal);
      const before = (await this.list(signIn.user)).filter(session => session.key !== key);
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
      return renewed && {...renewed, user: renewal.signIn?.user ?? renewed.user};
    }
  }
  const title = 'a session that has another user is given back as it is: nobody signs in over them';
  await findsFault(t, users, title, Careless);
});

test('a store that ends the sessions of a user one by one, from a list, is found at fault', async t => {
  class OneByOne extends Handle {
    override async endAll(user: string) {
      const sessions = await this.list(user);
      await new Promise(setImmediate);
      for (const {key} of sessions) await this.end(key, 'logout');
      return sessions.length;
    }
  }
  const title = 'endAll() ends all sessions of a user for the reason given, says how many, and ends no others';
  await findsFault(t, users, title, OneByOne);
});

test('a store that counts the session to be spared is found at fault', async t => {
  class Counting extends Handle {
    override async endAll(...[user, reason, except]: Parameters<Handle['endAll']>) {
      return (await super.endAll(user, reason, except)) + (except === undefined ? 0 : 1);
    }
  }
  await findsFault(t, users, 'endAll() spares the session by the key that it is to spare', Counting);
});

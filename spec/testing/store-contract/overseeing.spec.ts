import test from 'ava';
import type {ListPage} from '../../../src/session/store/contract.ts';
import {overseeing} from '../../../src/testing/store-contract/overseeing.ts';
import {findsFault, Handle} from './stores.ts';

test('a store that counts those of users alone is found at fault', async t => {
  class Partial extends Handle {
    override async count() {
      const {records} = await this.listEveryone({most: 1000, components: []});
      return records.filter(({user}) => user !== undefined).length;
    }
  }
  const title = 'count() counts the sessions there are, with a user or without, however many uids they have';
  await findsFault(t, overseeing, title, Partial);
});

test('a store that takes whoever reads a session for its visitor is found at fault', async t => {
  class Touching extends Handle {
    override async read(key: string) {
      await this.touch(key);
      return super.read(key);
    }
  }
  await findsFault(t, overseeing, 'read() does not count as being seen, and begins the grace of no uid', Touching);
});

test('a store that lists a session twice, when it is signed in meanwhile, is found at fault', async t => {
  class Apart extends Handle {
    override async listEveryone({most, components, after = ''}: ListPage) {
      const {records} = await super.listEveryone({most: 1000, components});
      const placed = records.map(record => ({record, place: `${Number(record.user !== undefined)} ${record.key}`}));
      const left = placed.toSorted((a, b) => (a.place < b.place ? -1 : 1)).filter(({place}) => place > after);
      const page = left.slice(0, most);
      return {records: page.map(({record}) => record), next: page.length < most ? undefined : page.at(-1)!.place};
    }
  }
  const title = 'listEveryone() gives a session once, although it is renewed and signed in between the pages';
  await findsFault(t, overseeing, title, Apart);
});

test('a store that lists components nobody asked for, or only those it was asked for by name, is found at fault', async t => {
  class Generous extends Handle {
    override listEveryone(page: ListPage) {
      return super.listEveryone({...page, components: 'all'});
    }
  }
  const title = 'listEveryone() gives sessions as read() does, with the components that are asked for';
  await findsFault(t, overseeing, title, Generous);
  class Literal extends Handle {
    override list(user: string, page: ListPage) {
      return super.list(user, {...page, components: page.components === 'all' ? [] : page.components});
    }
  }
  const all = 'list() gives all components of the sessions of a user where all are asked for';
  await findsFault(t, overseeing, all, Literal);
});

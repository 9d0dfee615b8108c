import test from 'ava';
import {writing} from '../../../src/testing/store-contract/writing.ts';
import {findsFault, Handle} from './stores.ts';

test('a store in which the last write wins is found at fault: it loses writes', async t => {
  class Forgetful extends Handle {
    override write(key: string, name: string, _: number, text: string | undefined) {
      return this.ask(memory => {
        const current = memory.touch(key)?.components.get(name);
        return memory.write(key, name, current?.revision ?? 0, text);
      });
    }
  }
  const title = 'a write that knows another revision changes nothing, and gives what is there';
  await findsFault(t, writing, title, Forgetful);
  await findsFault(t, writing, 'of many writes that know the same revision, one is written', Forgetful);
});

test('a store that looks and then writes, in two steps, is found at fault', async t => {
  class TwoSteps extends Handle {
    override async write(key: string, name: string, expected: number, text: string | undefined) {
      const found = await this.ask(memory => memory.touch(key));
      const current = found?.components.get(name);
      if (found && (current?.revision ?? 0) !== expected) return {state: 'conflict', current} as const;
      await Promise.resolve();
      return this.ask(memory => {
        const revision = memory.touch(key)?.components.get(name)?.revision ?? 0;
        return memory.write(key, name, revision, text);
      });
    }
  }
  const title =
    'twenty who count in one component at once, each reading and writing until it is written, are all counted';
  await findsFault(t, writing, title, TwoSteps);
});

test('a store that counts revisions anew when a component was taken out is found at fault', async t => {
  class Recounting extends Handle {
    readonly #first = new Map<string, number>();

    override async write(key: string, name: string, expected: number, text: string | undefined) {
      const first = this.#first.get(name) ?? 0;
      const written = await super.write(key, name, expected && expected + first, text);
      if (written.state !== 'written' || !written.revision) return written;
      if (expected === 0) this.#first.set(name, written.revision - 1);
      return {...written, revision: written.revision - this.#first.get(name)!};
    }
  }
  const title = 'a component that was taken out and written anew never has a revision that it had before';
  await findsFault(t, writing, title, Recounting);
});

test('a store that takes a write for being seen is found at fault', async t => {
  class Watchful extends Handle {
    override write(key: string, name: string, expected: number, text: string | undefined) {
      return this.ask(memory => {
        memory.touch(key);
        return memory.write(key, name, expected, text);
      });
    }
  }
  await findsFault(t, writing, 'a write is not being seen: it moves no deadline', Watchful);
});

test('a store that revives what is written to is found at fault', async t => {
  class Reviving extends Handle {
    override write(key: string, name: string, expected: number, text: string | undefined) {
      return this.ask(memory => {
        const written = memory.write(key, name, expected, text);
        if (written.state !== 'gone') return written;
        memory.create({uid: key, isSecure: false, device: undefined, idleTimeout: 5000, absoluteTimeout: 5000});
        return memory.write(key, name, 0, text);
      });
    }
  }
  await findsFault(t, writing, 'a write to an ended session says that it is gone, and revives nothing', Reviving);
  const title = 'a write to a session past its deadline says that it is gone, and revives nothing';
  await findsFault(t, writing, title, Reviving);
});

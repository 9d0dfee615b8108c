import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import type {MemoryStore} from '../../src/store/memory.ts';
import {storeContract} from '../../src/testing/store-contract.ts';
import {Handle, handles} from './store-contract/stores.ts';

/** A store that answers some time after it was asked, and does what it is asked to at some time between. */
class Slow extends Handle {
  override async ask<T>(act: (memory: MemoryStore) => T): Promise<T> {
    await someTime();
    const answer = super.ask(act);
    await someTime();
    return answer;
  }
}

async function someTime(): Promise<void> {
  for (let turns = Math.floor(Math.random() * 4); turns > 0; turns -= 1) {
    await (Math.random() < 0.3 ? setImmediate() : Promise.resolve());
  }
}

for (const {title, run} of storeContract(handles(Slow))) {
  test(`answered after a while: ${title}`, async t => {
    await run();
    t.pass();
  });
}

test('each law has a title of its own', t => {
  const titles = storeContract(handles()).map(({title}) => title);
  t.is(new Set(titles).size, titles.length);
  t.true(titles.length > 150);
});

test('a case rejects when the store does not keep the law, and with each run has a fixture of its own', async t => {
  let made = 0;
  class Refusing extends Handle {
    override create(): never {
      throw new Error('no');
    }
  }
  const [first] = storeContract(() => {
    made += 1;
    return handles(Refusing)();
  });
  t.is(made, 0);
  await t.throwsAsync(first!.run(), {message: 'no'});
  await t.throwsAsync(first!.run(), {message: 'no'});
  t.is(made, 2);
});

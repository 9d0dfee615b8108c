import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {RuledStore, type Cabinet, type StepKind, type CabinetSteps} from 'espalier';
import {storeContract, TestClock} from 'espalier/testing';
import {MemoryCabinet, type MemorySession} from '../../../src/store/memory-cabinet.ts';

/** A cabinet in memory that has its steps made some time later, and notes which. */
class Later extends MemoryCabinet implements CabinetSteps {
  readonly steps: string[] = [];
  flushes = 0;
  #line: Promise<unknown> = Promise.resolve();

  read<T>(act: () => T): Promise<T> {
    return this.#next('read', act);
  }

  write<T>(kind: StepKind, act: () => T): Promise<T> {
    return this.#next(kind, act);
  }

  flush(): void {
    this.flushes += 1;
  }

  close(): void {
    this.steps.push('close');
  }

  #next<T>(step: string, act: () => T): Promise<T> {
    const result = this.#line.then(async () => {
      await setImmediate();
      this.steps.push(step);
      return act();
    });
    this.#line = result.catch(() => undefined);
    return result;
  }
}

/** Memory is not shared, so all that one body of data has is one store. */
function memory() {
  let store: RuledStore<MemorySession> | undefined;
  return {open: (clock: TestClock) => (store ??= new RuledStore(new Later(clock))), dispose: () => undefined};
}

for (const {title, run} of storeContract(memory)) {
  test(`of a cabinet that answers later: ${title}`, async t => {
    await run();
    t.pass();
  });
}

const lifetime = {isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000};

test('each call is one step, of the kind that says what has to survive; what may write nothing reads first', async t => {
  const clock = new TestClock();
  const cabinet: Later & Cabinet<MemorySession> = new Later(clock);
  const store = new RuledStore(cabinet);
  const page = {most: 5, components: []};
  const signIn = {user: 'ada', limit: 5};
  const calls: Record<string, [expected: string, call: () => unknown]> = {
    create: ['light', () => store.create({uid: 'a', ...lifetime})],
    find: ['read', () => store.find('a', true)],
    touch: ['read', () => store.touch('a')],
    'find, seen': ['read light', () => (clock.advance(10_000), store.find('a', true))],
    write: ['component', () => store.write('a', 'cart', 0, '1')],
    renew: ['firm', () => store.renew('a', {from: 'a', to: 'b', grace: 0, signIn})],
    setIdleTimeout: ['firm', () => store.setIdleTimeout('a', 5000)],
    list: ['read', () => store.list('ada', page)],
    listEveryone: ['read', () => store.listEveryone(page)],
    read: ['read', () => store.read('a')],
    count: ['read', () => store.count()],
    keepEnds: ['read light', () => store.keepEnds()],
    'keepEnds again': ['read', () => store.keepEnds()],
    end: ['end', () => store.end('a', 'logout')],
    endsSince: ['read', () => store.endsSince(undefined)],
    takeEnds: ['read light', () => store.takeEnds(5, 1000)],
    'takeEnds again': ['read', () => store.takeEnds(5, 1000)],
    settleEnd: ['tidying', () => store.settleEnd('a', 'parked')],
    releaseEnds: ['light', () => store.releaseEnds(5)],
    countEnds: ['read', () => store.countEnds()],
    eraseEnds: ['tidying', () => store.eraseEnds('ada', 5)],
    endAll: ['tidying', () => store.endAll('ada', 'revoked', {most: 5})],
    endEveryone: ['tidying', () => store.endEveryone('revoked', {most: 5})],
    sweep: ['read sweep', () => store.sweep()],
    'sweep again': ['read', () => store.sweep()],
    close: ['close', () => store.close()],
  };
  for (const [name, [expected, call]] of Object.entries(calls)) {
    cabinet.steps.length = 0;
    await call();
    t.is(cabinet.steps.join(' '), expected, name);
  }
});

test('of ends that go page after page the last page is answered when the disk has all of them', async t => {
  const cabinet = new Later(new TestClock());
  const store = new RuledStore(cabinet);
  for (const uid of ['a', 'b', 'c']) await store.create({uid, ...lifetime});
  const {next} = await store.endEveryone('revoked', {most: 2});
  t.is(cabinet.flushes, 0);
  t.like(await store.endEveryone('revoked', {most: 2, after: next!}), {count: 1, next: undefined});
  t.is(cabinet.flushes, 1);
});

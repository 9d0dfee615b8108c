import test, {type ExecutionContext} from 'ava';
import {TestClock} from 'espalier/testing';
import {SteadyTime} from '../../src/clock.ts';
import {lifetime, SqliteFolder} from './sqlite-folder.ts';

const hour = 3_600_000;

/** A machine whose clock is set by hand, and processes on it that have the same file open. */
class Machine {
  readonly clock = new TestClock();
  readonly #folder: SqliteFolder;
  #off = 0;

  constructor(t: ExecutionContext) {
    this.#folder = new SqliteFolder(t);
  }

  set(milliseconds: number): void {
    this.#off += milliseconds;
  }

  /** A store as a process has it that begins now. */
  begin() {
    const machine = {shown: () => this.clock.now() + this.#off, elapsed: () => this.clock.now()};
    const time = new SteadyTime(machine);
    return this.#folder.open({
      clock: {machine, now: () => time.now(), after: (delay, act) => this.clock.after(delay, act)},
    });
  }
}

test('an idle session ends in its time when the clock is set back, for a process that begins afterwards too', async t => {
  const machine = new Machine(t);
  const before = machine.begin();
  await before.create({uid: 'a', ...lifetime});
  machine.clock.advance(30_000);
  machine.set(-hour);
  machine.clock.advance(10_000);
  const after = machine.begin();
  machine.clock.advance(19_999);
  for (const store of [before, after]) t.truthy(await store.find('a', false));
  machine.clock.advance(1);
  for (const store of [after, before]) t.is(await store.find('a', false), undefined);
});

test('processes that began before and after the clock was set back are of one mind about who is idle', async t => {
  const machine = new Machine(t);
  const before = machine.begin();
  machine.clock.advance(10_000);
  machine.set(-hour);
  machine.clock.advance(500);
  const after = machine.begin();
  const [{createdAt}, later] = [
    await after.create({uid: 'a', ...lifetime}),
    await before.create({uid: 'b', ...lifetime}),
  ];
  t.is(createdAt, later.createdAt);
  machine.clock.advance(59_999);
  for (const key of ['a', 'b']) {
    t.truthy(await before.find(key, false));
    t.truthy(await after.find(key, false));
  }
  machine.clock.advance(1);
  t.is(await before.find('a', false), undefined);
  t.is(await after.find('b', false), undefined);
});

test('a session that is in use stays when the clock is set back and forth, and its deadline never moves back', async t => {
  const machine = new Machine(t);
  const [one, other] = [machine.begin(), machine.begin()];
  let {lastSeenAt} = await one.create({uid: 'a', ...lifetime, absoluteTimeout: 100 * hour});
  for (const step of [-600_000, 600_000, -hour, hour, -24 * hour, 20_000, 24 * hour - 20_000]) {
    machine.set(step);
    for (const store of [one, other, machine.begin()]) {
      machine.clock.advance(10_000);
      const record = await store.touch('a');
      t.true(record !== undefined && record.lastSeenAt > lastSeenAt, `${step}`);
      ({lastSeenAt} = record!);
    }
  }
});

test('a process that begins after all others have ended, and the clock was set back, goes on from where they were', async t => {
  const machine = new Machine(t);
  const before = machine.begin();
  machine.clock.advance(500);
  const {createdAt} = await before.create({uid: 'a', ...lifetime});
  before.close();
  machine.set(-hour);
  const after = machine.begin();
  const found = await after.find('a', false);
  t.is(found?.now, createdAt);
  machine.clock.advance(60_000);
  t.is(await after.find('a', false), undefined);
});

test('what was noted long ago holds nobody back, and lets nobody run ahead', async t => {
  const machine = new Machine(t);
  const before = machine.begin();
  machine.set(-hour);
  machine.clock.advance(1000);
  before.close();
  machine.clock.advance(hour - 1000);
  machine.set(hour);
  const {createdAt} = await machine.begin().create({uid: 'a', ...lifetime});
  t.is(createdAt, machine.clock.now());
});

// A process that works on a file of sessions beside the one that the specs run in. Says on its standard output what it has
// done, a line at a time, and each only when the store has answered.
import {chmodSync, existsSync, openSync, statSync, writeSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {stopCoverage} from 'node:v8';
import {listAll} from '../../src/testing/store-contract/world.ts';
import {promised, type Awaitable} from '../../src/awaitable.ts';
import {SqliteStore} from 'espalier/store/sqlite';
import {TestClock} from 'espalier/testing';
import {isBusy} from '../../src/store/sqlite-line.ts';
import {systemClock} from '../../src/clock.ts';
import {long} from './sqlite-folder.ts';
import {watched} from './watched.ts';

const [act, path, ...args] = process.argv.slice(2) as [string, string, ...string[]];
const open = () => watched(new SqliteStore({path}), {clock: systemClock, logger: console});
let store: SqliteStore;
const lifetime = {isSecure: false, device: undefined, idleTimeout: 600_000, absoluteTimeout: 600_000};

/** At once, even when whoever hears it has no time for the moment. */
function say(words: string | number): void {
  for (;;) {
    try {
      return void writeSync(1, `${words}\n`);
    } catch (error) {
      if ((error as {code?: string}).code !== 'EAGAIN') throw error;
    }
  }
}

/** Where others leave no room for longer than a store waits, nothing has been written: it may be tried again. */
async function patiently<T>(call: () => Awaitable<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
  }
}

const acts: Record<string, (this: void, ...values: string[]) => Promise<void>> = {
  /** Open the file, and begin a session. */
  async begin(uid) {
    await store.create({uid, ...lifetime});
  },

  /** Update a component ten thousand times. */
  async update(key) {
    let revision = (await store.touch(key))!.components.get('count')?.revision ?? 0;
    for (let i = 0; i < 10_000; i += 1) {
      const written = await store.write(key, 'count', revision, JSON.stringify({count: revision + 1}));
      if (written.state !== 'written') throw new Error(written.state);
      ({revision} = written);
      say(revision);
    }
  },

  /** Update a component of each of so many sessions at once, again and again, and say of which one. */
  async updateAll(count) {
    const keys = Array.from({length: Number(count)}, (_, i) => `${i}`);
    await Promise.all(keys.map(async key => store.create({uid: key, ...lifetime})));
    for (let revision = 0; revision < 1000; revision += 1) {
      await Promise.all(
        keys.map(async key => {
          await store.write(key, 'count', revision, '{}');
          say(`${key} ${revision + 1}`);
        }),
      );
    }
  },

  /** Add one to a component so many times. */
  async add(key, times) {
    for (let i = 0; i < Number(times); i += 1) {
      let current = (await store.touch(key))!.components.get('sum');
      for (let isDone = false; !isDone;) {
        const next = String(Number(current?.text ?? 0) + 1);
        const written = await patiently(() => store.write(key, 'sum', current?.revision ?? 0, next));
        if (written.state === 'gone') throw new Error('gone');
        isDone = written.state === 'written';
        if (written.state === 'conflict') ({current} = written);
      }
    }
  },

  /** Sign a user in so many times, and say how many sessions they had at most. */
  async signIn(prefix, times, limit) {
    let most = 0;
    for (let i = 0; i < Number(times); i += 1) {
      const uid = `${prefix}${i}`;
      const renewal = {from: uid, to: `${uid}'`, grace: 0, signIn: {user: 'ada', limit: Number(limit)}};
      await patiently(() => store.create({uid, ...lifetime}));
      await patiently(() => store.renew(uid, renewal));
      most = Math.max(most, (await listAll(store, 'ada')).length);
    }
    say(most);
  },

  /** Begin sessions, fill the disk, and end them all: says how many did, how many of these ends can be told of, and whether one can begin then. */
  async endOnFullDisk(count, together) {
    const clock = new TestClock();
    store.close();
    store = new SqliteStore({path, clock});
    await store.keepEnds();
    const keys = Array.from({length: Number(count)}, (_, i) => `${i}`);
    for (const uid of keys) await store.create({uid, ...lifetime});
    // For so long it has had time to keep some room.
    for (let i = 0; i < 20; i += 1) await store.sweep();
    fill(`${path}-filling`);
    let begun = 0;
    const canBegin = async () => {
      begun += 1;
      return promised(() => store.create({uid: `late ${begun}`, ...lifetime})).then(Boolean, () => false);
    };
    // What was written before may have left some room in the log.
    while (await canBegin());
    let ended = 0;
    const end = async (key: string) => {
      if (await store.end(key, 'logout')) ended += 1;
    };
    if (together) await Promise.all(keys.map(end));
    else for (const key of keys) await end(key);
    const told = await store.takeEnds(1000, 1000);
    say(`${ended} ${told.length} ${await canBegin()}`);
  },

  /** Write until the log would be long many times over, and say how many bytes it takes at most. */
  async grow(key) {
    let most = 0;
    for (let revision = 0; revision < 400; revision += 1) {
      await store.write(key, 'long', revision, long(revision));
      most = Math.max(most, statSync(`${path}-wal`).size);
    }
    say(most);
  },

  /** Be handed an end, and never say what came of it. */
  async take(lease) {
    const [end] = await store.takeEnds(1, Number(lease));
    say(`${end?.key} ${end?.attempts}`);
    await sleep(60_000);
  },
};

/** Take all the room that there is on a disk. */
function fill(file: string): void {
  const filling = openSync(file, 'w');
  for (let portion = 65_536; portion > 0; portion = Math.floor(portion / 2)) {
    try {
      for (;;) writeSync(filling, Buffer.alloc(portion));
    } catch {
      // Not even that much is left.
    }
  }
}

/** Open a file after the other, each at a moment of its own, at which other processes do so, too. */
function openMany(count: number, start: number): void {
  for (let i = 0; i < count; i += 1) {
    while (Date.now() < start + i * 20);
    new SqliteStore({path: `${path}-${i}`}).close();
  }
}

if (act === 'openMany') {
  openMany(Number(args[0]), Number(args[1]));
} else if (act === 'openUnprivileged') {
  // For root no file is one that can only be read.
  if (existsSync(path)) chmodSync(path, 0o444);
  // Whoever it is then can't write down the coverage.
  stopCoverage();
  if (process.getuid!() === 0) process.setuid!(65_534);
  try {
    open().close();
  } catch (error) {
    say((error as Error).message);
  }
} else {
  store = open();
  await acts[act]!(...args);
  // Who does not close it can end as well.
  if (act !== 'grow') await store.close();
}

// A process of its own with a PostgresStore of its own: node postgres-child.js <url> <schema> <task> <JSON>. It says what came of
// the task as JSON, on a line.
import {writeSync} from 'node:fs';
import {types} from 'pg';
import {PostgresStore} from '../../src/store/postgres.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {live} from './live.ts';

const [url, schema, task, given] = process.argv.slice(2) as [string, string, string, string];
const lifetime = {isSecure: false, idleTimeout: 60_000, absoluteTimeout: 600_000, device: undefined};
const now = Date.now;

const tasks: Record<string, (store: PostgresStore, given: never) => Promise<unknown>> = {
  /** Begin a session. */
  begin: async (store, uid: string) => store.create({uid, ...lifetime}),

  /** Begin a session on a machine whose clock is so many milliseconds ahead. */
  async ahead(store, [uid, milliseconds]: [string, number]) {
    Date.now = () => now() + milliseconds;
    return [Date.now(), await store.create({uid, ...lifetime})];
  },

  /** Begin a session in an application that has every value parsed to nothing. */
  async unparsed(store, uid: string) {
    for (const type of [16, 20, 23, 25, 114, 701, 2278]) types.setTypeParser(type, () => null as never);
    await store.create({uid, ...lifetime});
    return [await store.find(uid, true), await store.end(uid, 'logout'), await endAllOf(store, 'nobody', 'revoked')];
  },

  /** Count one up so many times, each time by a write of who has read it. */
  async count(store, [key, times]: [string, number]) {
    for (let done = 0; done < times;) {
      const there = live(await store.find(key, false)).components.get('count');
      const written = await store.write(key, 'count', there?.revision ?? 0, String(Number(there?.text ?? 0) + 1));
      if (written.state === 'written') done += 1;
    }
  },

  /** Update a component ten thousand times, and say of each that it was answered. */
  async update(store, key: string) {
    for (let revision = 0; revision < 10_000;) {
      const written = await store.write(key, 'count', revision, String(revision + 1));
      if (written.state !== 'written') throw new Error(written.state);
      ({revision} = written);
      writeSync(1, `${revision}\n`);
    }
  },

  /** Update a component of each of several sessions at once, again and again, and say how often it was answered. */
  async updateAll(store, keys: string[]) {
    const revisions = new Map<string, number>();
    for (let count = 1; count <= 1000; count += 1) {
      await Promise.all(
        keys.map(async key => {
          const written = await store.write(key, 'count', revisions.get(key) ?? 0, String(count));
          if (written.state !== 'written') throw new Error(written.state);
          revisions.set(key, written.revision);
          writeSync(1, `${key} ${count}\n`);
        }),
      );
    }
  },

  /** Sign in one user with so many new sessions, three at a time, and say how many they had at most. */
  async signIn(store, [user, prefix, times, limit]: [string, string, number, number]) {
    let most = 0;
    const one = async (key: string) => {
      await store.create({uid: key, ...lifetime});
      await store.renew(key, {from: key, to: `${key}'`, grace: 0, signIn: {user, limit}});
      most = Math.max(most, (await listAll(store, user)).length);
    };
    for (let i = 0; i < times; i += 3) await Promise.all([0, 1, 2].map(n => one(`${prefix}${i + n}`)));
    return most;
  },
};

const store = new PostgresStore({url, schema});
const outcome = await tasks[task]!(store, JSON.parse(given) as never);
await store.close();
console.log(JSON.stringify(outcome ?? null));

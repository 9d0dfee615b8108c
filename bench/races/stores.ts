import type {SessionStore} from '../../src/index.ts';
import {MemoryStore} from '../../src/store/memory.ts';
import {PostgresStore} from '../../src/store/postgres.ts';
import {RedisStore} from '../../src/store/redis.ts';
import {SqliteStore} from '../../src/store/sqlite.ts';

/** Where the sessions of a contestant rest: in which store, and where that finds its server or file. */
export interface Place {
  readonly store: keyof typeof stores;
  readonly at: string;
}

const stores = {
  memory: (): SessionStore => new MemoryStore(),
  SQLite: (path: string): SessionStore => new SqliteStore({path}),
  Redis: (url: string): SessionStore => new RedisStore({url}),
  PostgreSQL: (url: string): SessionStore => new PostgresStore({url}),
};

export const storeAt = ({store, at}: Place) => stores[store](at);

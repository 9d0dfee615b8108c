// The least that a session store does, on two embedded databases: what npm run bench:durable compares.
import {existsSync, statSync} from 'node:fs';
import {DatabaseSync} from 'node:sqlite';

const idleTimeout = 15 * 60 * 1000;

/** `powerLoss`: each write is on the disk when its call returns. Else it is with the operating system. */
export async function openEngine(name, path, powerLoss) {
  if (name === 'node:sqlite') return new SqliteEngine(path, powerLoss);
  const {open} = await import('lmdb');
  const engine = new LmdbEngine(open, path, powerLoss);
  return name === 'lmdb' ? engine : new AwaitedLmdbEngine(engine);
}

class SqliteEngine {
  constructor(path, powerLoss) {
    this.path = path;
    this.database = new DatabaseSync(path);
    this.database.exec(`
      PRAGMA busy_timeout = 10000;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${powerLoss ? 'FULL' : 'NORMAL'};
      CREATE TABLE IF NOT EXISTS session (
        key TEXT PRIMARY KEY, user TEXT, seen INTEGER NOT NULL, deadline INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS due ON session (deadline);
      CREATE TABLE IF NOT EXISTS component (
        key TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY (key, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS outbox (id INTEGER PRIMARY KEY, key TEXT NOT NULL, session TEXT NOT NULL) STRICT;
    `);
    const prepare = sql => this.database.prepare(sql);
    this.sql = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      add: prepare('INSERT INTO session VALUES (?, ?, ?, ?)'),
      put: prepare(
        'INSERT INTO component VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET revision = excluded.revision, text = excluded.text',
      ),
      session: prepare('SELECT * FROM session WHERE key = ?'),
      components: prepare('SELECT name, revision, text FROM component WHERE key = ?'),
      revision: prepare('SELECT revision FROM component WHERE key = ? AND name = ?'),
      touch: prepare('UPDATE session SET seen = ?, deadline = ? WHERE key = ?'),
      drop: prepare('DELETE FROM session WHERE key = ?'),
      dropComponents: prepare('DELETE FROM component WHERE key = ?'),
      keep: prepare('INSERT INTO outbox (key, session) VALUES (?, ?)'),
      due: prepare('SELECT key FROM session WHERE deadline <= ? ORDER BY deadline LIMIT ?'),
    };
  }

  atomically(act) {
    this.sql.begin.run();
    const result = act();
    this.sql.commit.run();
    return result;
  }

  fill(keys, text, deadline) {
    this.atomically(() => {
      for (const key of keys) {
        this.sql.add.run(key, 'ada', Date.now(), deadline);
        this.sql.put.run(key, 'cart', 1, text);
      }
    });
  }

  find(key) {
    const session = this.sql.session.get(key);
    return session && {...session, components: this.sql.components.all(key)};
  }

  touch(key) {
    return this.atomically(() => {
      const now = Date.now();
      this.sql.touch.run(now, now + idleTimeout, key);
      return this.find(key);
    });
  }

  write(key, expected, text) {
    return this.atomically(() => {
      const current = this.sql.revision.get(key, 'cart').revision;
      if (current !== expected) return current;
      this.sql.put.run(key, 'cart', expected + 1, text);
      return expected + 1;
    });
  }

  end(key) {
    return this.atomically(() => this.drop(key));
  }

  drop(key) {
    const session = this.find(key);
    if (!session) return false;
    this.sql.drop.run(key);
    this.sql.dropComponents.run(key);
    this.sql.keep.run(key, JSON.stringify(session));
    return true;
  }

  claim(count) {
    return this.atomically(() => this.sql.due.all(Date.now(), count).filter(({key}) => this.drop(key)).length);
  }

  bytes() {
    return sizeOf(this.path) + sizeOf(`${this.path}-wal`);
  }

  close() {
    this.database.close();
  }
}

/** Everything in synchronous transactions: what is written is there for the next call, and for other processes. */
class LmdbEngine {
  constructor(open, path, powerLoss) {
    this.path = path;
    const sync = powerLoss ? {overlappingSync: false} : {noSync: true, overlappingSync: false};
    this.root = open({path, noSubdir: true, maxDbs: 4, ...sync});
    this.sessions = this.root.openDB({name: 'session'});
    this.components = this.root.openDB({name: 'component'});
    this.dues = this.root.openDB({name: 'due'});
    this.outbox = this.root.openDB({name: 'outbox'});
  }

  atomically(act) {
    return this.root.transactionSync(act);
  }

  fill(keys, text, deadline) {
    this.atomically(() => {
      for (const key of keys) {
        this.sessions.putSync(key, {user: 'ada', seen: Date.now(), deadline});
        this.dues.putSync([deadline, key], 0);
        this.components.putSync([key, 'cart'], {revision: 1, text});
      }
    });
  }

  find(key) {
    const session = this.sessions.get(key);
    return session && {...session, components: [...this.components.getRange({start: [key], end: [key, '\u{10FFFF}']})]};
  }

  touch(key) {
    return this.atomically(() => this.touched(key));
  }

  touched(key) {
    const session = this.sessions.get(key);
    const now = Date.now();
    this.dues.removeSync([session.deadline, key]);
    this.dues.putSync([now + idleTimeout, key], 0);
    this.sessions.putSync(key, {...session, seen: now, deadline: now + idleTimeout});
    return this.find(key);
  }

  write(key, expected, text) {
    return this.atomically(() => this.written(key, expected, text));
  }

  written(key, expected, text) {
    const {revision} = this.components.get([key, 'cart']);
    if (revision !== expected) return revision;
    this.components.putSync([key, 'cart'], {revision: expected + 1, text});
    return expected + 1;
  }

  end(key) {
    return this.atomically(() => this.drop(key));
  }

  drop(key) {
    const session = this.find(key);
    if (!session) return false;
    this.sessions.removeSync(key);
    this.dues.removeSync([session.deadline, key]);
    this.components.removeSync([key, 'cart']);
    this.outbox.putSync([Date.now(), key], session);
    return true;
  }

  claim(count) {
    return this.atomically(() => {
      const due = [...this.dues.getKeys({start: [0], end: [Date.now()], limit: count})];
      return due.filter(([, key]) => this.drop(key)).length;
    });
  }

  bytes() {
    return sizeOf(this.path);
  }

  close() {
    return this.root.close();
  }
}

/** The same in lmdb's own way: a write waits its turn in a batch that another thread writes. */
class AwaitedLmdbEngine {
  constructor(engine) {
    this.inner = engine;
    this.isAwaited = true;
  }

  fill(...values) {
    this.inner.fill(...values);
  }

  find(key) {
    return this.inner.find(key);
  }

  touch(key) {
    return this.inner.root.transaction(() => this.inner.touched(key));
  }

  write(key, expected, text) {
    return this.inner.root.transaction(() => this.inner.written(key, expected, text));
  }

  end(key) {
    return this.inner.root.transaction(() => this.inner.drop(key));
  }

  claim(count) {
    return this.inner.claim(count);
  }

  bytes() {
    return this.inner.bytes();
  }

  close() {
    return this.inner.close();
  }
}

function sizeOf(path) {
  return existsSync(path) ? statSync(path).size : 0;
}

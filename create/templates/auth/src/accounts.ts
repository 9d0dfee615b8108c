import {createHash, randomBytes, randomUUID} from 'node:crypto';
import {DatabaseSync} from 'node:sqlite';

/** Whoever may sign in. */
export interface Account {
  /** What sessions know the account by. It never changes. */
  readonly id: string;
  readonly email: string;
  /** The password's hash; nothing where the account has passkeys alone. */
  readonly password: string | null;
}

/** A key on a device of somebody's. */
export interface Passkey {
  readonly id: string;
  readonly account: string;
  readonly name: string;
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly counter: number;
}

const schema = `
  PRAGMA journal_mode = WAL;
  CREATE TABLE IF NOT EXISTS account (
    id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, password TEXT
  ) STRICT;
  CREATE TABLE IF NOT EXISTS passkey (
    id TEXT PRIMARY KEY, account TEXT NOT NULL REFERENCES account ON DELETE CASCADE,
    name TEXT NOT NULL, publicKey BLOB NOT NULL, counter INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS link (
    hash TEXT PRIMARY KEY, email TEXT NOT NULL, expiresAt INTEGER NOT NULL
  ) STRICT;
`;

/** How long a link in a mail may be used, in milliseconds. */
const linkLife = 30 * 60_000;

/** Accounts, their passkeys, and the links that were mailed to them. */
export class Accounts {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(schema);
  }

  byId(id: string): Account | undefined {
    return this.#one('SELECT * FROM account WHERE id = ?', id) as Account | undefined;
  }

  byEmail(email: string): Account | undefined {
    return this.#one('SELECT * FROM account WHERE email = ?', normal(email)) as Account | undefined;
  }

  /** Sets the password of the account with this address, which is made where there is none. */
  setPassword(email: string, password: string): Account {
    const sql = `INSERT INTO account (id, email, password) VALUES (?, ?, ?)
      ON CONFLICT (email) DO UPDATE SET password = excluded.password RETURNING *`;
    return this.#one(sql, randomUUID(), normal(email), password) as Account;
  }

  /** A secret that shows, once and for half an hour, that somebody reads the mail of this address. */
  newLink(email: string, now = Date.now()): string {
    const secret = randomBytes(32).toString('base64url');
    this.#run('DELETE FROM link WHERE expiresAt < ?', now);
    this.#run(
      'INSERT INTO link (hash, email, expiresAt) VALUES (?, ?, ?)',
      hashOf(secret),
      normal(email),
      now + linkLife,
    );
    return secret;
  }

  /** Whose link this is, while it may be used. */
  findLink(secret: string, now = Date.now()): string | undefined {
    const sql = 'SELECT email FROM link WHERE hash = ? AND expiresAt >= ?';
    return (this.#one(sql, hashOf(secret), now) as {email: string} | undefined)?.email;
  }

  /** Uses a link up, and all others of the same address. */
  useLink(secret: string, now = Date.now()): string | undefined {
    const sql = 'DELETE FROM link WHERE hash = ? AND expiresAt >= ? RETURNING email';
    const email = (this.#one(sql, hashOf(secret), now) as {email: string} | undefined)?.email;
    if (email !== undefined) this.#run('DELETE FROM link WHERE email = ?', email);
    return email;
  }

  passkeysOf(account: string): Passkey[] {
    return this.#database.prepare('SELECT * FROM passkey WHERE account = ?').all(account) as unknown as Passkey[];
  }

  passkey(id: string): Passkey | undefined {
    return this.#one('SELECT * FROM passkey WHERE id = ?', id) as Passkey | undefined;
  }

  addPasskey({id, account, name, publicKey, counter}: Passkey): void {
    const sql = 'INSERT INTO passkey (id, account, name, publicKey, counter) VALUES (?, ?, ?, ?, ?)';
    this.#run(sql, id, account, name, publicKey, counter);
  }

  /** Keeps how often a passkey was used: one that was copied falls behind. */
  countPasskey(id: string, counter: number): void {
    this.#run('UPDATE passkey SET counter = ? WHERE id = ?', counter, id);
  }

  removePasskey(account: string, id: string): void {
    this.#run('DELETE FROM passkey WHERE id = ? AND account = ?', id, account);
  }

  close(): void {
    this.#database.close();
  }

  #one(sql: string, ...values: Values): unknown {
    return this.#database.prepare(sql).get(...values);
  }

  #run(sql: string, ...values: Values): void {
    this.#database.prepare(sql).run(...values);
  }
}

type Values = (string | number | Uint8Array)[];

const normal = (email: string) => email.trim().toLowerCase();

/** Whoever steals the database can't use the links in it. */
const hashOf = (secret: string) => createHash('sha256').update(secret).digest('base64url');

import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import type * as Pg from 'pg';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {peer} from '../peer.ts';
import {SharedBroadcast, type Carrier} from './shared.ts';

const pg = peer('pg', 'espalier/broadcast/postgres') as typeof Pg;

/** How a `PostgresBroadcast` is set up. */
export interface PostgresBroadcastOptions {
  /** Where the server is: `postgres://user:password@host:port/database`. Not a pooler that shares connections, which can't listen. */
  readonly url: string;
  /** The name of its channel, a plain word: sites with another one hear nothing of this one. Default: `espalier`. */
  readonly channel?: string;
  /** Where it is told that the server does not work, and that it works again. Default: `console`. */
  readonly logger?: Logger;
}

const optionKinds: kinds.Kinds<PostgresBroadcastOptions> = {
  url: kinds.required(
    kinds.secret(
      kinds.kind(
        'of the form postgres://host/database',
        url => typeof url === 'string' && /^postgres(?:ql)?:/.test(url) && URL.canParse(url),
      ),
    ),
  ),
  channel: kinds.kind('a word of letters, digits and _, 63 at most', value =>
    /^[A-Za-z_]\w{0,62}$/.test(String(value)),
  ),
  logger: kinds.logger,
};

const defaults = {channel: 'espalier'};

/** How many milliseconds a connection has to be there, and to answer. */
const patience = 2000;
/** How often it is asked whether it still is, in milliseconds: who only listens would never know. */
const rest = 10_000;
/** A notification has fewer than 8,000 bytes. */
const longest = 7500;

/**
 * A broadcast over PostgreSQL, 13 or later, by LISTEN and NOTIFY: by one channel for all topics, over one connection of its own, which
 * is made anew when it is lost. It writes nothing.
 */
export class PostgresBroadcast extends SharedBroadcast {
  /** What holds where `PostgresBroadcastOptions` are silent. */
  static readonly defaults = defaults;

  /** Connects in the background. Fails with `OPTION_INVALID` for what can't be a url or a channel. */
  constructor(options: PostgresBroadcastOptions) {
    kinds.checkOptions('PostgresBroadcast', options, optionKinds);
    const {url, channel = defaults.channel, logger = console} = options;
    super((hear, down) => new PostgresCarrier(url, channel, hear, down), logger);
  }
}

class PostgresCarrier implements Carrier {
  readonly name: string;
  readonly #url: string;
  readonly #channel: string;
  readonly #hear: (text: string) => void;
  readonly #down: (error: unknown) => void;
  readonly #closing = new AbortController();
  #client: Pg.Client | undefined;
  #asked: Promise<unknown> = Promise.resolve();
  /** What has come of texts that are longer than a notification, by who has sent them. */
  readonly #parts = new Map<string, string>();
  readonly #own = randomUUID();

  constructor(url: string, channel: string, hear: (text: string) => void, down: (error: unknown) => void) {
    const {hostname, port} = new URL(url);
    this.name = `PostgreSQL at ${hostname || 'its socket'}:${port || 5432}`;
    this.#url = url;
    this.#channel = channel;
    this.#hear = hear;
    this.#down = down;
    void this.#stay();
  }

  async send(text: string): Promise<void> {
    const client = this.#client;
    if (!client) throw new Error('There is no connection.');
    // All in one statement, and so in one transaction: no other text comes between.
    const notify = 'SELECT pg_notify($1, part) FROM unnest($2::text[]) AS part';
    await this.#ask(client, notify, [this.#channel, partsOf(text, this.#own)]);
  }

  /** One after the other, in the order in which they come. */
  #ask(client: Pg.Client, text: string, values?: readonly unknown[]): Promise<unknown> {
    const asked = this.#asked.then(() => client.query(text, values && [...values]));
    this.#asked = asked.catch(() => undefined);
    return asked;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#client?.end();
  }

  async #stay(): Promise<void> {
    const {signal} = this.#closing;
    while (!signal.aborted) {
      await this.#listen().catch((error: unknown) => {
        if (!signal.aborted) this.#down(error);
      });
      this.#client = undefined;
      this.#parts.clear();
      // Not all processes at once.
      await pause(100 + Math.random() * 400, signal);
    }
  }

  /** Listen for as long as the connection holds. */
  async #listen(): Promise<void> {
    const {signal} = this.#closing;
    const client = new pg.Client({
      connectionString: this.#url,
      connectionTimeoutMillis: patience,
      query_timeout: patience,
      keepAlive: true,
    });
    const {promise: lost, reject} = Promise.withResolvers<never>();
    lost.catch(() => undefined);
    client.on('error', reject).on('end', () => reject(new Error('The connection was ended.')));
    client.on('notification', ({payload = ''}) => this.#take(payload));
    try {
      await Promise.race([client.connect(), lost]);
      await this.#ask(client, `LISTEN "${this.#channel}"`);
      (client as unknown as {unref?(): void}).unref?.();
      this.#client = client;
      while (!signal.aborted) {
        await Promise.race([pause(rest, signal), lost]);
        if (!signal.aborted) await this.#ask(client, 'SELECT 1');
      }
    } finally {
      client.end().catch(() => undefined);
    }
  }

  #take(part: string): void {
    const [sender, isLast] = [part.slice(0, 36), part[36] === '.'];
    const text = (this.#parts.get(sender) ?? '') + part.slice(part.indexOf(':') + 1);
    if (!isLast) return void this.#parts.set(sender, text);
    this.#parts.delete(sender);
    this.#hear(text);
  }
}

/** A text in parts that each fit. In ASCII a part has as many bytes as characters. Numbered, since two that are the same are told once. */
function partsOf(text: string, sender: string): string[] {
  const ascii = text.replace(/[\x7f-\uffff]/g, one => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const parts: string[] = [];
  for (let at = 0; at < ascii.length; at += longest) {
    const mark = at + longest < ascii.length ? ',' : '.';
    parts.push(`${sender}${mark}${parts.length}:${ascii.slice(at, at + longest)}`);
  }
  return parts;
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, {ref: false, signal}).catch(() => undefined);
}

import type * as Redis from 'redis';
import {ignore} from '../awaitable.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {peer} from '../peer.ts';
import {SharedBroadcast, type Carrier, type OpenCarrier} from './shared.ts';

const {createClient} = peer('redis', 'espalier/broadcast/redis') as typeof Redis;

/** How a `RedisBroadcast` is set up. */
export interface RedisBroadcastOptions {
  /** Where Redis is: `redis://[[user]:password@]host[:port]`, or `rediss://` for TLS. Default: `redis://127.0.0.1:6379`. */
  readonly url?: string;
  /** What the name of its channel begins with: sites with another one hear nothing of this one. Default: `espalier`. */
  readonly prefix?: string;
  /** Where it is told that Redis does not work, and that it works again. Default: `console`. */
  readonly logger?: Logger;
}

const optionKinds: kinds.Kinds<RedisBroadcastOptions> = {
  // What it is instead is not said: a url may hold a password.
  url: kinds.secret(kinds.kind('a redis: or rediss: url', url => typeof url === 'string' && isRedisUrl(url))),
  prefix: kinds.text,
  logger: kinds.logger,
};

const defaults = {url: 'redis://127.0.0.1:6379', prefix: 'espalier'};

/** How many milliseconds a connection has to be there, and to answer; and how often it is asked whether it still is. */
const patience = 2000;

/**
 * A broadcast over Redis 7, or Valkey 7.2, and later: by one channel for all topics, over two connections of its own, which are made
 * anew when they are lost. A cluster and a sentinel are not supported.
 */
export class RedisBroadcast extends SharedBroadcast {
  /** What holds where `RedisBroadcastOptions` are silent. */
  static readonly defaults = defaults;

  /** Connects in the background. Fails with `OPTION_INVALID` for what can't be a url. */
  constructor(options: RedisBroadcastOptions = {}) {
    kinds.checkOptions('RedisBroadcast', options, optionKinds);
    const {url = defaults.url, prefix = defaults.prefix, logger = console} = options;
    super(carrierTo(url, `${prefix}:broadcast`), logger);
  }
}

function carrierTo(url: string, channel: string): OpenCarrier {
  return (hear, down): Carrier => {
    const [sending, hearing] = [clientFor(url, down), clientFor(url, down)];
    ignore(sending.connect());
    // The client subscribes anew by itself when it has connected anew.
    ignore(hearing.connect().then(() => hearing.subscribe(channel, hear)));
    const {hostname, port} = new URL(url);
    return {
      name: `Redis at ${hostname}:${port || 6379}`,
      async send(text) {
        await sending.publish(channel, text);
      },
      async close() {
        sending.destroy();
        hearing.destroy();
      },
    };
  };
}

function clientFor(url: string, down: (error: unknown) => void) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    pingInterval: 5 * patience,
    commandOptions: {timeout: patience},
    socket: {
      connectTimeout: patience,
      // Not those of all processes at once.
      reconnectStrategy: tries => Math.min(100 * tries, patience) * (0.5 + Math.random() / 2),
    },
  });
  client.on('error', down);
  client.unref();
  return client;
}

function isRedisUrl(url: string): boolean {
  return /^rediss?:/.test(url) && URL.canParse(url);
}

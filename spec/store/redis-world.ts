import {randomUUID} from 'node:crypto';
import {setTimeout} from 'node:timers/promises';
import anyTest, {type ExecutionContext} from 'ava';
import {createClient} from 'redis';
import {
  ContainerModule,
  Delete,
  Get,
  inject,
  OnExpire,
  Post,
  Resource,
  SessionService,
  SessionStore,
  type Logger,
  type SessionEnd,
  type SessionRecord,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {RedisStore, type RedisStoreOptions} from 'espalier/store/redis';
import {isLive} from '../../src/session/store/contract.ts';
import {hasRedis, RedisServer, Wire} from './redis-server.ts';

export const idleTimeout = 60_000;
export const absoluteTimeout = 600_000;
const lifetime = {isSecure: false, device: undefined, idleTimeout, absoluteTimeout};
export const quiet: Logger = {error: () => {}, warn: () => {}};

if (!hasRedis) {
  const title = 'these specs were left out: install redis-server, or say in REDIS_SERVER where it is';
  anyTest(title, t => t.pass());
}

/** `test`, where there is a Redis to test with. */
export const test = hasRedis ? anyTest : anyTest.skip;

/** The same, one after another: that a server is slow must be its pause, and not its neighbours. */
export const testAlone = hasRedis ? anyTest.serial : anyTest.skip;

/** That a call fails, within a bound. */
export async function fails(t: ExecutionContext, call: Promise<unknown>): Promise<void> {
  const bounded = Promise.race([call, setTimeout(10_000, undefined, {ref: false})]);
  await t.throwsAsync(bounded, {message: /Redis|Socket|connect|Client/i});
}

/** A server that ends with the test. */
export async function startServer(t: ExecutionContext, ...options: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(...options);
  t.teardown(() => server.dispose());
  return server;
}

export async function wireTo(t: ExecutionContext, {port}: RedisServer): Promise<Wire> {
  const wire = await Wire.to(port);
  t.teardown(() => wire.dispose());
  return wire;
}

/** A plain connection to a server. */
export async function adminOf(t: ExecutionContext, {url}: RedisServer) {
  const client = createClient({url});
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  return client;
}

/** The live session by a uid. */
export async function peek(store: SessionStore, uid: string): Promise<SessionRecord> {
  const found = await store.find(uid, false);
  if (!isLive(found)) throw new Error(`${uid} finds no session`);
  return found;
}

/** A further uid that a session can have: its key and a `'`, or as many as it takes. */
export function uidFor(store: RedisStore, key: string): string {
  let uid = `${key}'`;
  while (!store.canHave(key, uid)) uid += "'";
  return uid;
}

/** Have all that is due swept. */
export async function sweepAll(store: RedisStore): Promise<void> {
  while (await store.sweep());
}

/** What has ended in a store since a mark, as `key reason`. */
export async function endedSince(store: RedisStore, mark: string | undefined): Promise<string[]> {
  const {ends, mark: next, hasMore} = await store.endsSince(mark);
  const told = ends.map(({key, reason}) => `${key} ${reason}`);
  return hasMore ? [...told, ...(await endedSince(store, next))] : told;
}

/** A store that ends with the test, and what it has warned of. It waits for long, in case that the machine is busy. */
export function openStore(t: ExecutionContext, options: RedisStoreOptions) {
  const prefix = randomUUID();
  const warnings: string[] = [];
  const logger: Logger = {error: () => {}, warn: message => warnings.push(message)};
  const store = new RedisStore({prefix, logger, timeout: 10_000, ...options});
  t.teardown(() => store.close());
  const begin = (uid: string) => store.create({uid, ...lifetime});
  const signIn = async (uid: string, user: string, limit = 1000) => {
    await begin(uid);
    await store.renew(uid, {from: uid, to: uidFor(store, uid), grace: 1000, signIn: {user, limit}});
  };
  const works = async () => (await store.find('nobody', false).catch(() => null)) === undefined;
  return {store, prefix, warnings, begin, signIn, works};
}

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }

  @Post()
  async signIn() {
    return (await this.sessions.signIn('ada')).uid;
  }

  @Delete()
  leave() {
    return this.sessions.expire();
  }
}

/** A site that keeps its sessions in a store, and which ends it was told of. */
export function siteWith(store: SessionStore) {
  const told: string[] = [];
  @Resource()
  class Root extends Home {
    @OnExpire()
    hear({key}: SessionEnd) {
      told.push(key);
    }
  }
  const modules = [new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store))];
  return {...testSite(Root, {modules}), told};
}

/** A store on a server that it shares with the file's other specs, and a look at what is kept there. */
export async function share() {
  const server = hasRedis ? await RedisServer.start() : undefined;
  const url = server?.url ?? 'redis://127.0.0.1';
  const admin = createClient({url});
  if (hasRedis) await admin.connect();
  anyTest.after.always(async () => {
    if (admin.isOpen) await admin.close();
    await server?.dispose();
  });
  const world = (t: ExecutionContext, options: RedisStoreOptions = {}) => {
    const opened = openStore(t, {...(options.client ? {} : {url}), ...options});
    const key = (name: string) => `{${opened.prefix}}:${name}`;
    const keys = async () => (await admin.keys(key('*'))).map(name => name.slice(key('').length)).toSorted();
    return {...opened, key, keys};
  };
  return {server: server!, url, admin, world};
}

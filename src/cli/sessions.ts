import {EspalierError} from '../errors.ts';
import {fitting} from '../options.ts';
import {SessionAdmin, type SessionDetails, type SessionInfo, type SessionQuery} from '../session/session-admin.ts';
import type {SessionStore} from '../session/store/contract.ts';
import {openStore, siteKinds, type SiteOptions} from '../site.ts';
import {isFile, look} from './load.ts';
import {aligned, counted, paint, print, printJson} from './output.ts';

/** What every one of these commands may be asked for besides. */
interface Options {
  readonly json?: true;
}

/** Whether somebody means it. */
interface Confirmed extends Options {
  readonly yes?: true;
}

/** How many sessions there are. */
export function countSessions(place: string, {json}: Options): Promise<void> {
  return administer(place, async admin => {
    const sessions = await admin.count();
    if (json) printJson({sessions});
    else print(counted(sessions, 'session'));
  });
}

/** A page of them. */
export function listSessions(place: string, {json, ...query}: Options & SessionQuery): Promise<void> {
  return administer(place, async admin => {
    const {sessions, next} = await admin.list(query);
    if (json) return printJson({sessions, next});
    if (sessions.length > 0) print(aligned([headings, ...sessions.map(rowOf)], formats).join('\n'));
    print(`${sessions.length > 0 ? '\n' : ''}${counted(sessions.length, 'session')}`);
    if (next !== undefined) print(`There may be more: --after '${next}'`);
  });
}

/** One of them, with what rests in it. */
export function showSession(
  place: string,
  key: string,
  {json, values}: Options & {readonly values?: true},
): Promise<number> {
  return administer(place, async admin => {
    const found = await admin.find(key, {values: values ?? false});
    if (!found) return missing(key);
    if (json) printJson(found);
    else print([...rowsOf(found), ...found.components.map(componentRow)].join('\n'));
    return 0;
  });
}

/** End one. */
export function endSession(place: string, key: string, {json}: Options): Promise<number> {
  return administer(place, async admin => {
    const hasEnded = await admin.end(key);
    if (json) printJson({ended: Number(hasEnded)});
    else if (hasEnded) print('It has ended.');
    return hasEnded ? 0 : missing(key);
  });
}

/** End all of a user. */
export function endUser(place: string, user: string, {json}: Options): Promise<void> {
  return administer(place, async admin => tellEnded(await admin.endAll(user), json));
}

/** End all there are. */
export function endEveryone(place: string, {json, yes}: Confirmed): Promise<number> {
  return administer(place, async admin => {
    if (!yes) return unconfirmed(`It would end ${counted(await admin.count(), 'session')}, whoever has them.`);
    tellEnded(await admin.endEveryone(), json);
    return 0;
  });
}

/** How many ends wait to be told, and how many were set aside. With `retry` those are told again. */
export function showEnds(place: string, {json, retry}: Options & {readonly retry?: true}): Promise<void> {
  return administer(place, async admin => {
    const released = retry ? await admin.retryEnds() : undefined;
    const ends = await admin.countEnds();
    if (json) return printJson({...ends, ...(released !== undefined && {released})});
    if (released !== undefined)
      print(`${counted(released, 'end')} that ${were(released)} set aside will be told again.`);
    print(
      `${counted(ends.waiting, 'end')} ${ends.waiting === 1 ? 'waits' : 'wait'} to be told, ${ends.parked} set aside.`,
    );
  });
}

/** All that is stored of a user, as JSON. */
export function exportUser(place: string, user: string): Promise<void> {
  return administer(place, async admin => printJson(await admin.export(user)));
}

/** End all sessions of a user, and forget what was in them. */
export function eraseUser(
  place: string,
  user: string,
  {json, yes, untoldEnds = false}: Confirmed & {readonly untoldEnds?: boolean},
): Promise<number> {
  return administer(place, async admin => {
    if (!yes) {
      const {sessions} = await admin.export(user);
      return unconfirmed(`It would end ${counted(sessions.length, 'session')} of theirs, and forget what is in them.`);
    }
    const erased = await admin.erase(user, {untoldEnds});
    if (json) printJson(erased);
    else if (untoldEnds) print(`Forgotten: ${counted(erased.sessions, 'session')}, ${counted(erased.ends, 'end')}.`);
    else print(`Forgotten: ${counted(erased.sessions, 'session')}. Where @OnExpire is told of ends, it is told first.`);
    return 0;
  });
}

/** Do something with the store of a program, or the one at an address. */
async function administer<T>(place: string, act: (admin: SessionAdmin) => Promise<T>): Promise<T> {
  const found = await opened(place);
  try {
    return await act(new SessionAdmin(found.store));
  } finally {
    await found.close();
  }
}

interface Opened {
  readonly store: SessionStore;
  close(): unknown;
}

async function opened(place: string): Promise<Opened> {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(place)?.[1]?.toLowerCase() ?? '';
  const store = await storeAt(scheme, place);
  return store ? {store, close: () => store.close()} : ofProgram(place);
}

const schemes = 'Those of stores begin with redis:, rediss:, postgres:, postgresql: or sqlite:.';

/** Only what is asked for is loaded, since drivers are not everywhere. */
async function storeAt(scheme: string, place: string): Promise<SessionStore | undefined> {
  if (scheme === 'redis' || scheme === 'rediss') {
    const {RedisStore} = await import('../store/redis.ts');
    return new RedisStore({url: place});
  }
  if (scheme === 'postgres' || scheme === 'postgresql') {
    const {PostgresStore} = await import('../store/postgres.ts');
    return new PostgresStore({url: place});
  }
  if (scheme !== 'sqlite') {
    // Not told with the address, in which there may be a password.
    if (place.startsWith('://', scheme.length) && scheme !== '')
      throw new EspalierError('OPTION_INVALID', `There is no store at ${scheme}: addresses. ${schemes}`);
    return undefined;
  }
  const path = place.slice('sqlite:'.length);
  // The store would make it.
  if (!isFile(path)) throw new EspalierError('OPTION_INVALID', `There is no file ${path}.`);
  const {SqliteStore} = await import('../store/sqlite.ts');
  return new SqliteStore({path});
}

async function ofProgram(file: string): Promise<Opened> {
  const {options} = await look(file);
  const found = openStore(fitting<SiteOptions>(options, siteKinds));
  if (found) return found;
  const message = `${file} has its sessions in the memory of its own process, which nobody else can look into. In the program itself, new SessionAdmin(store) can.`;
  throw new EspalierError('SESSION_STORE_PRIVATE', message);
}

const headings = ['key', 'user', 'begun', 'last seen', 'device'];
const formats = ['cyan', undefined, undefined, undefined, 'dim'] as const;

function rowOf({key, user, createdAt, lastSeenAt, device}: SessionInfo): string[] {
  return [key, user ?? '', moment(createdAt), moment(lastSeenAt), device ?? ''].map(printable);
}

function rowsOf({key, user, device, components: _components, ...rest}: SessionDetails): string[] {
  const {createdAt, lastSeenAt, authenticatedAt, isSecure, isRemembered} = rest;
  const rows = [
    ['key', key],
    ['user', user ?? 'nobody'],
    ['device', device ?? ''],
    ['begun', moment(createdAt)],
    ['last seen', moment(lastSeenAt)],
    ['signed in', authenticatedAt === undefined ? '' : moment(authenticatedAt)],
    ['ends', `${moment(rest.idleDeadline)} unless seen before, ${moment(rest.absoluteDeadline)} at the latest`],
    ['over TLS', isSecure ? 'yes' : 'no'],
    ['remembered', isRemembered ? 'yes' : 'no'],
  ];
  return aligned(
    rows.filter(([, value]) => value !== '').map(row => row.map(printable)),
    ['dim', undefined],
  );
}

function componentRow({name, bytes, value}: SessionDetails['components'][number]): string {
  const said = value === undefined ? '' : ` ${JSON.stringify(value)}`;
  return `${paint('cyan', printable(name))}: ${counted(bytes, 'byte')}${printable(said)}`;
}

function moment(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** What visitors have written moves no cursor and paints nothing. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, '?');
}

function were(count: number): string {
  return count === 1 ? 'was' : 'were';
}

function tellEnded(count: number, json: true | undefined): void {
  if (json) printJson({ended: count});
  else print(`${counted(count, 'session')} ${count === 1 ? 'has' : 'have'} ended.`);
}

function missing(key: string): number {
  process.stderr.write(`There is no session ${printable(key)}.\n`);
  return 1;
}

function unconfirmed(what: string): number {
  process.stderr.write(`${what} Say --yes, and it does.\n`);
  return 1;
}

import {fails, share, test} from './postgres-world.ts';

const {server, world} = await share();

/** The url with some of its parts replaced. */
const urlWith = (
  parts: Partial<Record<'username' | 'password' | 'port' | 'hostname' | 'pathname' | 'search', string>>,
) => Object.assign(new URL(server.url), parts).href;

const prepared = server && prepare();

async function prepare(): Promise<void> {
  await server.ask(`CREATE ROLE guarded LOGIN PASSWORD 'right'; CREATE ROLE shut_out LOGIN;
    CREATE ROLE full_up LOGIN CONNECTION LIMIT 0`);
  await server.admit('host all guarded 127.0.0.1/32 scram-sha-256');
  await server.admit('host all shut_out 127.0.0.1/32 reject');
}

for (const [what, parts, line] of [
  ['a wrong password', {username: 'guarded'}, /wrong password, or an unknown role \(28P01\)/],
  ['no password', {username: 'guarded', password: ''}, /it wants a password, and none was given/],
  ['a role that is shut out', {username: 'shut_out'}, /pg_hba\.conf rejects connection .* \(28000\)/],
  ['an unknown database', {pathname: '/nowhere'}, /the database does not exist \(3D000\)/],
  ['a role with no connection', {username: 'full_up'}, /it allows no further connection \(53300\)/],
  ['nobody who listens', {port: '1'}, /nothing listens there \(ECONNREFUSED\)/],
  ['an unknown host', {hostname: 'nowhere.invalid'}, /host.* \((ENOTFOUND|EAI_AGAIN)\)/],
  ['no TLS', {search: '?sslmode=require'}, /it does not speak TLS/],
] as const) {
  test(`the log says once, in words, that there is ${what}, and where`, async t => {
    await prepared;
    const url = urlWith(parts);
    const {store, lines} = world(t, {url});
    for (let i = 0; i < 3; i += 1) await fails(t, store.find('a', true), /PostgresError/);
    t.is(lines.length, 1, lines.join('\n'));
    t.regex(lines[0]!, line);
    const {hostname, port, pathname} = new URL(url);
    t.true(
      lines[0]!.startsWith(`PostgreSQL at ${hostname}:${port}, database ${pathname.slice(1)}, keeps no sessions: `),
    );
    t.notRegex(lines[0]!, /kept-secret/);
  });
}

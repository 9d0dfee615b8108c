import {globSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import test from 'ava';

/**
 * The floors of the house, from the ground up: a folder is a room, and so is a file that has none. A file may import from
 * its own room and from the floors below; rooms on one floor do not know each other.
 */
const floors = [
  ['one-line.ts'],
  ['node-version.ts'],
  ['service-token.ts'],
  ['awaitable.ts', 'errors.ts', 'clock.ts', 'logger.ts', 'place.ts', 'command-line.ts'],
  ['json.ts', 'on-demand.ts', 'options.ts', 'peer.ts', 'read-only.ts', 'schema.ts', 'tracing.ts', 'use.ts'],
  ['http', 'decorator.ts', 'time-limit.ts', 'outage-log.ts'],
  ['inject.ts', 'turns.ts'],
  ['container.ts'],
  ['resource', 'session', 'broadcast'],
  ['store', 'builtin'],
  ['site.ts'],
  ['serve.ts'],
  ['testing', 'cli'],
  ['index.ts'],
];

/** The floors inside `session/`: four parts of it, and the files that stand beside them. */
const sessionFloors = [
  ['store'],
  ['component'],
  ['end'],
  ['session.ts'],
  ['visit'],
  ['user-sessions.ts'],
  ['session-service.ts', 'session-admin.ts'],
];

/** What each of its parts offers to other rooms. All else in there is for `session/` alone. */
const offered = {
  store: ['cabinet.ts', 'contract.ts', 'ids.ts', 'lifetime.ts', 'refusals.ts', 'ruled.ts', 'rules.ts'],
  component: ['component.ts', 'update.ts'],
  end: ['listeners.ts', 'on-expire.ts'],
  visit: ['cookie.ts', 'token.ts'],
};

const files = (pattern: string) => globSync(pattern, {exclude: ['node_modules/**']}).toSorted();
const source = (file: string) => readFileSync(file, 'utf8');
const importsIn = (file: string) =>
  [...source(file).matchAll(/(?:from|import) '([^']+)'|import\('([^']+)'\)/g)].map(match => match[1] ?? match[2]!);
const roomOf = (file: string) => file.split('/')[1]!;
const partOf = (file: string) => file.split('/')[2]!;
const floorIn = (storeys: readonly string[][], room: string) => storeys.findIndex(rooms => rooms.includes(room));
const floorOf = (file: string) => floorIn(floors, roomOf(file));
const inSession = (file: string) => file.startsWith('src/session/');

const inner = files('src/**/*.ts').flatMap(file =>
  importsIn(file)
    .filter(target => target.startsWith('.'))
    .map(target => ({file, target: join(dirname(file), target)})),
);

test('every file has its floor', t => {
  t.deepEqual(
    files('src/**/*.ts').filter(file => floorOf(file) < 0),
    [],
  );
});

test('imports go down, those of types too', t => {
  const climbing = inner.filter(
    ({file, target}) => roomOf(file) !== roomOf(target) && floorOf(target) >= floorOf(file),
  );
  t.deepEqual(climbing, []);
  t.true(inner.length > 50);
});

test('inside session/ every file has its floor too, and imports go down', t => {
  const floor = (file: string) => floorIn(sessionFloors, partOf(file));
  t.deepEqual(
    files('src/session/**/*.ts').filter(file => floor(file) < 0),
    [],
  );
  const within = inner.filter(({file, target}) => inSession(file) && inSession(target));
  const climbing = within.filter(({file, target}) => partOf(file) !== partOf(target) && floor(target) >= floor(file));
  t.deepEqual(climbing, []);
  t.true(within.length > 50);
});

test('of the parts of session/ other rooms know what each offers, all of it, and nothing else', t => {
  const known = inner.filter(({file, target}) => !inSession(file) && /^src\/session\/.+\//.test(target));
  const names = Object.entries(offered).flatMap(([part, own]) => own.map(name => `src/session/${part}/${name}`));
  t.deepEqual([...new Set(known.map(({target}) => target))].toSorted(), names.toSorted());
});

/** The rows of a table of CONTRIBUTING.md, below this heading line: the floor of each room, from the top down. */
function roomsIn(head: string): {floor: number; room: string}[] {
  const [, table = ''] = source('CONTRIBUTING.md').split(`${head}\n| --- | --- | --- |\n`);
  const [rows] = table.split('\n\n');
  return rows!.split('\n').flatMap(row => {
    const [, floor = '', rooms = ''] = row.split('|').map(cell => cell.trim());
    const named = [...rooms.matchAll(/`([^`]+?)\/?`/g)].map(match => match[1]!);
    return named.map(room => ({floor: floor === 'roof' ? Infinity : Number(floor), room}));
  });
}

for (const [head, folder, storeys] of [
  ['| floor | room | what lives there |', 'src', floors],
  ['| floor | in `session/` | what lives there |', 'src/session', sessionFloors],
] as const) {
  test(`the table in CONTRIBUTING.md has each room of ${folder}/, once, on its floor`, t => {
    const rows = roomsIn(head);
    t.deepEqual(rows.map(({room}) => room).toSorted(), readdirSync(folder).toSorted());
    for (const one of rows) {
      const above = rows.filter(({floor}) => floor > one.floor).map(({room}) => floorIn(storeys, room));
      t.true(Math.min(...above) > floorIn(storeys, one.room), one.room);
    }
  });
}

test('inside a room nobody goes through its door, index.ts, which is for users', t => {
  t.deepEqual(
    inner.filter(({target}) => target.endsWith('/index.ts')),
    [],
  );
});

test('Inversify is known to injection, the decorator of resources, the container, the site, the test site and the door alone', t => {
  const knowing = files('src/**/*.ts').filter(file => importsIn(file).some(name => /^@?inversify/.test(name)));
  const decorators = ['src/inject.ts', 'src/use.ts', 'src/resource/resource.ts'];
  const composing = ['src/container.ts', 'src/site.ts', 'src/testing/test-site.ts'];
  t.deepEqual(knowing, ['src/index.ts', ...decorators, ...composing].toSorted());
});

test('sockets are known to the server, its HTTP/2 connections and their streams alone; three more tell addresses from other texts', t => {
  const listening = files('src/**/*.ts').filter(file =>
    importsIn(file).some(name => /^node:(?:net|tls|http2)$/.test(name)),
  );
  const telling = ['src/builtin/access-log.ts', 'src/builtin/proxy-headers.ts', 'src/builtin/rate-limit.ts'];
  // What the command line hands from process to process.
  const handing = ['dev', 'gate', 'link', 'run'].map(name => `src/cli/${name}.ts`);
  const serving = ['extended-connect', 'http2-connections', 'server'].map(name => `src/http/${name}.ts`);
  t.deepEqual(listening, [...telling, ...handing, ...serving]);
  for (const file of telling) t.regex(readFileSync(file, 'utf8'), /^import \{isIP(?:v6)?\} from 'node:net';$/m);
});

test('SQLite is known to its store alone, which no other file of ours imports but the command that looks into stores', t => {
  const knowing = files('src/**/*.ts').filter(file => importsIn(file).includes('node:sqlite'));
  t.deepEqual(
    knowing.filter(file => !file.startsWith('src/store/sqlite')),
    [],
  );
  t.true(knowing.length > 0);
  const importing = inner.filter(({target}) => target.startsWith('src/store/sqlite')).map(({file}) => file);
  t.deepEqual(
    importing.filter(file => !file.startsWith('src/store/sqlite')),
    ['src/cli/sessions.ts'],
  );
});

test('examples know the public doors alone, by the name of the package', t => {
  const paths = files('examples/**/*.ts').flatMap(file =>
    importsIn(file)
      .filter(name => name.startsWith('.'))
      .map(name => join(dirname(file), name)),
  );
  t.deepEqual(
    paths.filter(path => !path.startsWith('examples/')),
    [],
  );
});

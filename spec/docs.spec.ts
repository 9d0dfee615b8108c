import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {globSync, readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {text} from 'node:stream/consumers';
import {basename} from 'node:path';
import test from 'ava';
import {errorCodes} from '../src/errors.ts';
import {listenDefaults} from '../src/http/server.ts';
import {siteDefaults} from '../src/site.ts';
import {MemoryStore} from '../src/store/memory.ts';
import {exchangesIn, replay} from './dialogue.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md').toSorted()];
const read = (file: string) => readFileSync(file, 'utf8');

/** The fenced blocks of a page: `ts examples/a.ts` is of the kind `ts` and names a file. */
function blocksOf(page: string): {kind: string; file: string | undefined; body: string}[] {
  return [...read(page).matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, kind, file, body]) => ({
    kind: kind!,
    file,
    body: body!,
  }));
}

/** What a page's table says of each option: the cell in its column `default`. */
function defaultsIn(page: string): Map<string, string> {
  const rows = [...read(page).matchAll(/^\| `(\w+)` \|[^|]*\|([^|]*)\|[^|]*\|$/gm)];
  return new Map(rows.map(([, option, value]) => [option!, value!.trim().replaceAll('`', '')]));
}

const examples = globSync('examples/*.ts').toSorted();
const quoting = (example: string) =>
  pages.filter(page => page.startsWith('docs/') && blocksOf(page).some(({file}) => file === example));

test('a block that names a file stands in that file, word for word', t => {
  const named = pages.flatMap(page => blocksOf(page).map(block => ({page, ...block}))).filter(({file}) => file);
  for (const {page, file, body} of named) t.true(read(file!).includes(body), `${page} quotes ${file} as\n${body}`);
  t.true(named.length >= 10);
});

test('every example is quoted on a page of its own name', t => {
  t.deepEqual(
    examples.map(quoting),
    examples.map(example => [`docs/${basename(example, '.ts')}.md`]),
  );
});

test('every code has its heading in docs/errors.md, and every heading there its code', t => {
  const headings = [...read('docs/errors.md').matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
  t.deepEqual(headings, [...errorCodes]);
});

test('every code is thrown somewhere', t => {
  const sources = globSync('src/**/*.ts')
    .filter(file => file !== 'src/errors.ts')
    .map(read)
    .join('\n');
  t.deepEqual(
    errorCodes.filter(code => !sources.includes(`'${code}'`)),
    [],
  );
});

test('the defaults in the tables of options are those in the code', t => {
  const {sessions, ...site} = siteDefaults;
  const stated = (page: string, defaults: object) =>
    Object.fromEntries(
      Object.keys(defaults).map(option => [option, defaultsIn(`docs/reference/${page}.md`).get(option)]),
    );
  const actual = (defaults: object) =>
    Object.fromEntries(Object.entries(defaults).map(([option, value]) => [option, String(value)]));
  t.deepEqual(stated('session', sessions), actual(sessions));
  t.deepEqual(stated('site', site), actual(site));
  t.deepEqual(stated('site', listenDefaults), actual(listenDefaults));
  t.deepEqual(stated('store', MemoryStore.defaults), actual(MemoryStore.defaults));
});

test('every option that the types name stands in a table, and no other', t => {
  const optionsIn = (file: string, type: string) => {
    const [, body] = new RegExp(`interface ${type}[^{]*\\{\n([\\s\\S]*?)^\\}`, 'm').exec(read(file))!;
    return [...body!.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name]) => name!);
  };
  const tables = (page: string) => [...defaultsIn(`docs/reference/${page}.md`).keys()].toSorted();
  const declared = [...optionsIn('src/site.ts', 'SiteOptions'), ...optionsIn('src/http/server.ts', 'ListenOptions')];
  t.deepEqual(tables('site'), declared.toSorted());
  t.deepEqual(tables('session'), Object.keys(siteDefaults.sessions).toSorted());
  t.deepEqual(tables('resource'), optionsIn('src/resource/declarations.ts', 'ResourceOptions'));
  t.deepEqual(tables('store'), Object.keys(MemoryStore.defaults));
});

/** The members of a class as its users see them, in the declarations that are published. */
function membersOf(declarations: string, type: string): string[] {
  const [, body] = new RegExp(`class ${type}[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(
    read(`dist/src/${declarations}.d.ts`),
  )!;
  const names = [...body!.matchAll(/^ {4}(?:static |readonly |get |set )*(\w+)(?=[(:?<])/gm)].map(([, name]) => name!);
  return [...new Set(names)].filter(name => name !== 'constructor');
}

for (const [page, ...types] of [
  ['http', 'http/request Request', 'http/response Response'],
  ['session', 'session/session Session', 'session/session-service SessionService'],
  ['site', 'site Site'],
  ['testing', 'testing/client Client', 'testing/test-clock TestClock'],
]) {
  test(`docs/reference/${page}.md names every member that users see of ${types.join(', ')}`, t => {
    const members = types.flatMap(type => membersOf(...(type.split(' ') as [string, string])));
    const reference = read(`docs/reference/${page}.md`);
    t.deepEqual(
      members.filter(name => !new RegExp(`\`(?:Request\\.)?${name}\\b`).test(reference)),
      [],
    );
    t.true(members.length > 2);
  });
}

test('every link between pages leads somewhere', t => {
  for (const page of pages) {
    for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      t.true(
        globSync(new URL(target!, `file:///${page}`).pathname.slice(1)).length === 1,
        `${page} links to ${target}`,
      );
    }
  }
});

/** Run a compiled example on a free port. */
function run(example: string): ChildProcess {
  const program = example.replace(/^/, 'dist/').replace(/\.ts$/, '.js');
  return spawn(process.execPath, [program], {env: {...process.env, PORT: '0', HOST: '127.0.0.1'}});
}

for (const example of examples) {
  const exchanges = quoting(example)
    .flatMap(page => blocksOf(page))
    .filter(({kind}) => kind === 'http');

  test(`${example} does what its page says`, async t => {
    const child = run(example);
    t.teardown(() => child.kill());
    if (exchanges.length === 0) {
      t.deepEqual(await once(child, 'exit'), [0, null], await text(child.stdout!));
      return;
    }
    const [line] = (await once(createInterface(child.stdout!), 'line')) as [string];
    const url = line.replace('Listening on ', '');
    await replay(
      t,
      url,
      exchanges.flatMap(({body}) => exchangesIn(body)),
    );
  });
}

import {execFile, spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {globSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {text} from 'node:stream/consumers';
import {basename} from 'node:path';
import {pathToFileURL} from 'node:url';
import {promisify} from 'node:util';
import test from 'ava';
import {accessLogDefaults} from '../src/builtin/access-log.ts';
import {basicAuthDefaults} from '../src/builtin/basic-auth.ts';
import {bearerDefaults} from '../src/builtin/bearer.ts';
import {compressDefaults} from '../src/builtin/compress.ts';
import {etagDefaults} from '../src/builtin/etag.ts';
import {filesDefaults} from '../src/builtin/files.ts';
import {healthDefaults} from '../src/builtin/health.ts';
import {mountDefaults} from '../src/builtin/mount.ts';
import {proxyDefaults} from '../src/builtin/proxy.ts';
import {rateLimitDefaults} from '../src/builtin/rate-limit.ts';
import {redirectToDefaults} from '../src/builtin/redirect-to.ts';
import {saveUploadsDefaults} from '../src/builtin/save-uploads.ts';
import {sendFileDefaults} from '../src/builtin/send-file.ts';
import {sseDefaults} from '../src/builtin/sse.ts';
import {errorCodes} from '../src/errors.ts';
import {listenDefaults} from '../src/http/server.ts';
import {socketDefaults} from '../src/http/web-sockets.ts';
import {siteDefaults} from '../src/site.ts';
import {MemoryStore} from '../src/store/memory.ts';
import {PostgresStore} from '../src/store/postgres.ts';
import {RedisStore} from '../src/store/redis.ts';
import {SqliteStore} from '../src/store/sqlite.ts';
import {exchangesIn, replay} from './dialogue.ts';
import {hasRedis, RedisServer} from './store/redis-server.ts';

const pages = ['README.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md').toSorted()];
const read = (file: string) => readFileSync(file, 'utf8');

/** A module of the benchmark, which is plain JavaScript. */
const bench = async <T>(file: string) => (await import(pathToFileURL(`bench/${file}`).href)) as T;

/** The fenced blocks of a page: `ts examples/a.ts` is of the kind `ts` and names a file. */
function blocksOf(page: string): {kind: string; file: string | undefined; body: string}[] {
  return [...read(page).matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(([, kind, file, body]) => ({
    kind: kind!,
    file,
    body: body!,
  }));
}

/** What the tables of a page, or of one of its sections, say of each option: the cell in the column `default`. */
function defaultsIn(page: string, section?: string): Map<string, string> {
  const parts = read(page).split(/^## /m);
  const tables = section === undefined ? read(page) : parts.find(part => part.startsWith(`${section}\n`))!;
  const rows = [...tables.matchAll(/^\| `(\w+)` \|[^|]*\|([^|]*)\|[^|]*\|$/gm)];
  return new Map(rows.map(([, option, value]) => [option!, value!.trim().replaceAll('`', '')]));
}

/** Each has a section of its name in docs/reference/store.md. */
const stores = [MemoryStore, SqliteStore, RedisStore, PostgresStore];

/** The defaults of ready-made middleware, each by the heading of its section in docs/reference/builtin.md. */
const builtins = {
  accessLog: accessLogDefaults,
  basicAuth: basicAuthDefaults,
  bearer: bearerDefaults,
  compress: compressDefaults,
  etag: etagDefaults,
  files: filesDefaults,
  health: healthDefaults,
  mount: mountDefaults,
  proxy: proxyDefaults,
  rateLimit: rateLimitDefaults,
  redirectTo: redirectToDefaults,
  saveUploads: saveUploadsDefaults,
  sendFile: sendFileDefaults,
  sse: sseDefaults,
  Socket: {...socketDefaults, origins: undefined, protocols: undefined},
};

const examples = globSync('examples/*.ts').toSorted();
const quoting = (example: string) =>
  pages.filter(page => /^docs\/[^/]+$/.test(page) && blocksOf(page).some(({file}) => file === example));

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

for (const example of examples) {
  const page = `docs/${basename(example, '.ts')}.md`;
  test(`${page} links to ${example}, and the first block of it has its imports`, t => {
    const first = blocksOf(page).find(({kind}) => kind === 'ts');
    const imported = (source: string) => source.match(/^import [\s\S]*?;$/gm);
    t.true(read(page).includes(`[${example}](../${example})`));
    t.deepEqual(imported(first!.body), imported(read(example)));
  });
}

test('a page links to each program in examples/mounting', t => {
  const linked = pages.map(read).join('\n');
  const programs = globSync('examples/mounting/*.ts');
  t.deepEqual(
    programs.filter(program => !linked.includes(`](../${program})`)),
    [],
  );
  t.true(programs.length > 5);
});

/** What a newcomer is given: the commands, in order, and the settings of the compiler. */
const firstSteps = (page: string) =>
  ['sh', 'json'].map(kind =>
    blocksOf(page)
      .filter(block => block.kind === kind && !block.body.startsWith('npm ci '))
      .map(({body}) => body)
      .join(''),
  );

test('docs/getting-started.md has a whole program, and six commands at most', t => {
  const blocks = blocksOf('docs/getting-started.md');
  t.deepEqual(
    blocks.filter(({kind}) => kind === 'ts').map(({body}) => body),
    [read('examples/getting-started.ts')],
  );
  const [commands] = firstSteps('docs/getting-started.md');
  t.true(commands!.trim().split(/\n|&&/).length <= 6);
  t.true(read('docs/getting-started.md').split('\n').length <= 95, 'It is one screen.');
});

test('the program of docs/getting-started.md is what create makes from the template minimal', t => {
  const home = read('create/templates/minimal/src/home.ts')
    .replace('{{name}}', 'hello')
    .replace('export class', 'class');
  t.true(read('examples/getting-started.ts').includes(home.slice(home.indexOf('\n'))));
});

test('README.md has the commands and the settings of docs/getting-started.md', t => {
  t.deepEqual(firstSteps('README.md'), firstSteps('docs/getting-started.md'));
});

test('the mistake that docs/getting-started.md asks for is answered by the line that stands there', async t => {
  const page = read('docs/getting-started.md');
  const [, mistake] = /^Take `(.+)` out/m.exec(page)!;
  const program = read('examples/getting-started.ts');
  t.is(program.split(mistake!).length, 2);
  // In the package's own folder its name leads to itself.
  const folder = mkdtempSync('dist/mistake-');
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(`${folder}/main.ts`, program.replace(mistake!, ''));
  writeFileSync(`${folder}/tsconfig.json`, firstSteps('docs/getting-started.md')[1]!);
  await promisify(execFile)('node_modules/.bin/tsc', ['-p', folder]);
  const child = spawn(process.execPath, [`${folder}/main.js`], {env: {...process.env, PORT: '0'}});
  const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  t.is(child.exitCode, 1);
  t.true(
    blocksOf('docs/getting-started.md').some(({kind, body}) => kind === 'text' && body === said),
    said,
  );
});

test('what plain node says of the program stands in docs/getting-started.md', async t => {
  const folder = mkdtempSync('dist/plain-');
  t.teardown(() => rmSync(folder, {recursive: true}));
  const withoutFields = read('examples/getting-started.ts').replace('private readonly sessions', 'sessions');
  for (const program of [read('examples/getting-started.ts'), withoutFields]) {
    writeFileSync(`${folder}/main.ts`, program);
    const child = spawn(process.execPath, [`${folder}/main.ts`]);
    const [said] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    const [, message] = /^(?:Syntax|Type)Error.*?: (.+?)(?: for .*)?$/m.exec(said)!;
    t.true(read('docs/getting-started.md').replaceAll('\n', ' ').includes(`\`${message}\``), message);
  }
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

/** A default as a table has it. One goes by the machine. */
function told(option: string, value: unknown): string {
  if (value === undefined) return 'none';
  if (Object.getPrototypeOf(value) === Object.prototype) return 'see below';
  return value === MemoryStore.defaults.bytes && /bytes$/i.test(option) ? 'a quarter of the heap' : String(value);
}

test('the defaults in the tables of options are those in the code', t => {
  const {sessions, ...site} = siteDefaults;
  const stated = (page: string, defaults: object, section?: string) =>
    Object.fromEntries(
      Object.keys(defaults).map(option => [option, defaultsIn(`docs/reference/${page}.md`, section).get(option)]),
    );
  const actual = (defaults: object) =>
    Object.fromEntries(Object.entries(defaults).map(([option, value]) => [option, told(option, value)]));
  t.deepEqual(stated('session', sessions, 'Options'), actual(sessions));
  t.deepEqual(stated('session', sessions.cookie, 'The cookie'), actual(sessions.cookie));
  t.deepEqual(stated('site', site), actual(site));
  t.deepEqual(stated('site', listenDefaults), actual(listenDefaults));
  for (const [name, defaults] of Object.entries(builtins))
    t.deepEqual(stated('builtin', defaults, name), actual(defaults), name);
  for (const {name, defaults} of stores) t.deepEqual(stated('store', defaults, name), actual(defaults));
});

test('every option that the types name stands in a table, and no other', t => {
  const optionsIn = (file: string, type: string) => {
    const [, body] = new RegExp(`interface ${type}[^{]*\\{\n([\\s\\S]*?)^\\}`, 'm').exec(read(file))!;
    return [...body!.matchAll(/^ {2}readonly (\w+)/gm)].map(([, name]) => name!);
  };
  const tables = (page: string, section?: string) =>
    [...defaultsIn(`docs/reference/${page}.md`, section).keys()].toSorted();
  const declared = [...optionsIn('src/site.ts', 'SiteOptions'), ...optionsIn('src/http/server.ts', 'ListenOptions')];
  t.deepEqual(tables('site'), declared.toSorted());
  const {sessions} = siteDefaults;
  t.deepEqual(tables('session', 'Options'), Object.keys(sessions).toSorted());
  t.deepEqual(tables('session', 'The cookie'), Object.keys(sessions.cookie).toSorted());
  for (const file of globSync('src/builtin/*.ts')) {
    // What is written as `interface`: the options of helmet are told by helmet.
    for (const [, type] of read(file).matchAll(/export interface (\w+Options) /g)) {
      const name = type!.replace('Options', '').replace(/^./, letter => letter.toLowerCase());
      t.deepEqual(tables('builtin', name), optionsIn(file, type!).toSorted(), name);
    }
  }
  t.deepEqual(tables('builtin', 'Socket'), optionsIn('src/http/web-sockets.ts', 'SocketOptions').toSorted());
  const input = ['InputSchemas', 'HandlerOptions'].flatMap(type => optionsIn('src/resource/input.ts', type));
  const resource = [...optionsIn('src/resource/declarations.ts', 'ResourceOptions'), ...input];
  t.deepEqual(tables('resource'), resource.toSorted());
  for (const {name} of stores) {
    const options = optionsIn(`src/store/${name.replace('Store', '').toLowerCase()}.ts`, `${name}Options`);
    const special = options.filter(option => !['clock', 'logger'].includes(option));
    t.deepEqual(tables('store', name), special.toSorted());
  }
});

/** The members of a class as its users see them, in the declarations that are published. */
function membersOf(declarations: string, type: string): string[] {
  const [, body] = new RegExp(`class ${type}[^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(
    read(`dist/src/${declarations}.d.ts`),
  )!;
  const names = [...body!.matchAll(/^ {4}(?:static |readonly |get |set )*(\w+)(?=[(:?<])/gm)].map(([, name]) => name!);
  return [...new Set(names)].filter(name => name !== 'constructor');
}

/** The names that a module of the package gives to TypeScript. */
function exportsOf(declarations: string): string[] {
  const source = read(declarations);
  const listed = [...source.matchAll(/^export (?:type )?\{([^}]+)\}/gm)].flatMap(([, names]) => names!.split(','));
  const declared = [
    ...source.matchAll(/^export (?:declare )?(?:abstract )?(?:class|const|function|interface|type) (\w+)/gm),
  ];
  return [...listed.map(name => name.trim().split(' ').at(-1)!), ...declared.map(([, name]) => name!)].filter(Boolean);
}

/** The names that each module of the package exports, by what the module is imported as. */
function exported(): Map<string, string[]> {
  const {name, exports} = JSON.parse(read('package.json')) as {
    name: string;
    exports: Record<string, string | {types: string}>;
  };
  const modules = Object.entries(exports).flatMap(([path, target]) =>
    typeof target === 'object' ? [[name + path.slice(1), exportsOf(target.types)] as const] : [],
  );
  return new Map(modules);
}

test('docs/reference names every name that the package exports', t => {
  const names = [...exported().values()].flat();
  const code = globSync('docs/reference/*.md').flatMap(page =>
    read(page).match(/```[^]*?```|`[^`\n]+`|^### \w+$|^## \w+$/gm)!,
  );
  const known = new Set(code.flatMap(piece => piece.match(/\w+/g) ?? []));
  t.deepEqual(
    names.filter(name => !known.has(name)),
    [],
  );
  t.true(names.length > 80);
});

test('each name in the first columns of docs/reference/names.md is exported by the module that its section names', t => {
  const sections = read('docs/reference/names.md').split(/^## /m).slice(1);
  const listed = sections.flatMap(section => {
    const module = /^[\w/-]+…?/.exec(section)![0];
    const cells = [...section.matchAll(/^\| (`.*?) \|/gm)].map(([, cell]) => cell!);
    return cells.flatMap(cell => [...cell.matchAll(/`@?(\w+)/g)].map(([, name]) => ({module, name: name!})));
  });
  const modules = [...exported()];
  const isOf = (path: string, module: string) =>
    module.endsWith('…') ? path.startsWith(module.slice(0, -1)) : path === module;
  t.deepEqual(
    listed.filter(({module, name}) => !modules.some(([path, names]) => isOf(path, module) && names.includes(name))),
    [],
  );
  t.true(listed.length > 40);
});

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

test('every scenario has a spec whose title begins with its number, or a line that says why not', t => {
  const specs = [...globSync('spec/**/*.spec.ts'), ...globSync('src/testing/**/*.ts')].map(read).join('\n');
  const titled = new Set([...specs.matchAll(/['`"](S\d\d): /g)].map(([, number]) => number!));
  const [held, unkept] = read('docs/reference/session-scenarios.md').split('## Not kept');
  const listed = (part: string) => [...part.matchAll(/^\| (S\d\d) \|/gm)].map(([, number]) => number!);
  const mentioned = [...read('docs/security-of-sessions.md').matchAll(/\bS\d\d\b/g)].map(([number]) => number);
  t.deepEqual([...titled].filter(number => /^S[0-7]/.test(number)).toSorted(), listed(held!));
  t.deepEqual(
    listed(held!).filter(number => listed(unkept!).includes(number)),
    [],
  );
  t.deepEqual(
    mentioned.filter(number => !titled.has(number)),
    [],
  );
});

test('docs/performance.md is of every workload and every contender that the benchmark has', async t => {
  const {workloads} = await bench<{workloads: Record<string, {title: string}>}>('workloads.js');
  const {contenders} = await bench<{contenders: {name: string}[]}>('contenders.js');
  const page = read('docs/performance.md');
  const names = [...Object.values(workloads).map(({title}) => title), ...contenders.map(({name}) => name)];
  t.deepEqual(
    names.filter(name => !page.includes(name)),
    [],
  );
  t.true(names.length > 15);
});

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

/** What a heading is linked to by, as GitHub makes it. */
const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .replaceAll(' ', '-');

const withoutBlocks = (page: string) => read(page).replaceAll(/^```[^]*?^```$/gm, '');

test('every link to a section leads to a heading', t => {
  const headings = (page: string) =>
    [...withoutBlocks(page).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading!));
  for (const page of pages) {
    for (const [, target, section] of read(page).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)\)/g)) {
      const there = target === '' ? page : new URL(target!, `file:///${page}`).pathname.slice(1);
      t.true(headings(there).includes(section!), `${page} links to ${target}#${section}`);
    }
  }
});

test('no table of members or options has two rows for one of them', t => {
  for (const page of pages) {
    for (const [table] of withoutBlocks(page).matchAll(/^\| (?:member|option) \|.*(?:\n\|.*)*/gm)) {
      const first: string[] = table.match(/^\| `[^|]+/gm) ?? [];
      const doubled = first.filter((cell, at) => first.indexOf(cell) !== at);
      t.deepEqual(doubled, [], page);
    }
  }
});

test('an empty line stands before every heading', t => {
  for (const page of pages) t.notRegex(withoutBlocks(page), /[^\n]\n#{1,6} /, page);
});

/** Run a compiled example on a free port. */
function run(example: string, environment: object): ChildProcess {
  const program = example.replace(/^/, 'dist/').replace(/\.ts$/, '.js');
  return spawn(process.execPath, [program], {env: {...process.env, PORT: '0', HOST: '127.0.0.1', ...environment}});
}

test('what examples/services.ts says on its way to the end is what docs/services.md says', async t => {
  const child = run('examples/services.ts', {});
  t.teardown(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  for await (const line of createInterface(child.stdout!)) {
    lines.push(line);
    if (lines.length > 1) continue;
    const url = line.replace('Listening on ', '');
    for (const path of ['/1', '/2']) await (await fetch(url + path)).text();
    child.kill('SIGTERM');
  }
  t.deepEqual(
    blocksOf('docs/services.md').flatMap(({kind, body}) => (kind === 'text' ? [body] : [])),
    [lines.slice(1).join('\n') + '\n'],
  );
});

for (const example of examples) {
  const exchanges = quoting(example)
    .flatMap(page => blocksOf(page))
    .filter(({kind}) => kind === 'http');
  const needsRedis = / from 'espalier\/store\/redis'/.test(read(example));
  const testHere = needsRedis && !hasRedis ? test.skip : test;

  testHere(`${example} does what its page says`, async t => {
    const redis = needsRedis ? await RedisServer.start() : undefined;
    t.teardown(async () => redis?.dispose());
    const child = run(example, {REDIS_URL: redis?.url});
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

const commandsIn = blocksOf('docs/command-line.md').filter(({kind}) => kind === 'console');

for (const {body} of commandsIn) {
  const [command, ...output] = body.trimEnd().split('\n');
  test(`${command} prints what docs/command-line.md says`, async t => {
    const args = command!.replace('$ npx espalier ', '').split(' ');
    const {NO_COLOR: _none, FORCE_COLOR: _forced, ...env} = process.env;
    const child = spawn(process.execPath, ['dist/src/cli/main.js', ...args], {env});
    const [said] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    t.is(said.trimEnd(), output.join('\n'));
  });
}

import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, mkdirSync, readdirSync, readlinkSync, rmSync, symlinkSync, truncateSync, unlinkSync} from 'node:fs';
import {get, request as ask, type IncomingMessage} from 'node:http';
import {connect, createServer} from 'node:net';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {brotliCompressSync, gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {
  Child,
  ContainerModule,
  createError,
  createSite,
  Logger,
  Resource,
  SessionStore,
  Use,
  type Middleware,
  type Next,
  type Request,
  type ResourceClass,
  type Response,
} from 'espalier';
import {compress, etag, files, type FilesOptions} from 'espalier/builtin';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {until} from '../until.ts';
import {changedAt, put, temporaryFolder} from './temp-folder.ts';

const changed = new Date(changedAt).toUTCString();

const content = {
  'index.html': '<h1>Home</h1>',
  'app.js': 'console.log(1)',
  'style.css': 'p {}',
  'data.bin': '0123456789',
  'sub/index.html': '<h1>Sub</h1>',
  'sub/Grüße & more.txt': 'Grüße',
  'bare/a.txt': 'a',
};

/** A site that serves a folder at `/assets`. */
function serving(folder: string, options?: FilesOptions): ReturnType<typeof testSite> {
  @Resource()
  @Child('assets', files(folder, options))
  class Root {}
  return testSite(Root);
}

/** Asks it, with the path as it is written: a URL would be put in order first. */
function asking(t: ExecutionContext, options?: FilesOptions, folder = temporaryFolder(t, content)) {
  const {site} = serving(folder, options);
  const fetch = async (url: string, headers: Record<string, string> = {}, method = 'GET') => {
    const {status, body, ...answer} = await answered(site, {url, headers, method});
    return {status, text: body, ...answer};
  };
  return {fetch, folder, site};
}

/** The answer without a socket, read to its end. */
async function answered(
  site: ReturnType<typeof testSite>['site'],
  init: {url: string; headers?: Record<string, string>; method?: string},
) {
  const response = await site.handle(init);
  const chunks: Uint8Array[] = [];
  if (response.stream) for await (const chunk of response.stream) chunks.push(Buffer.from(chunk as Uint8Array));
  else if (response.sentBody !== undefined) chunks.push(Buffer.from(response.sentBody as string));
  response.headerList();
  return {
    status: response.status,
    body: Buffer.concat(chunks).toString(),
    header: (name: string) => response.header(name),
  };
}

/** How many descriptors are open whose file lies in this folder. */
function openIn(folder: string): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
    } catch {
      return false;
    }
  }).length;
}

test('a file goes out with its type and charset, its length, a tag and its time', async t => {
  const {fetch} = asking(t);
  const {status, text, header} = await fetch('/assets/app.js');
  t.deepEqual([status, text], [200, 'console.log(1)']);
  t.is(header('Content-Type'), 'text/javascript; charset=utf-8');
  t.is(header('Content-Length'), '14');
  t.is(header('Last-Modified'), changed);
  t.regex(header('ETag')!, /^"e-[0-9a-f]+"$/);
  t.is(header('Accept-Ranges'), 'bytes');
  t.is(header('Cache-Control'), 'no-cache');
  t.is(header('X-Content-Type-Options'), 'nosniff');
});

test('each name has its type, one of its own if it is given', async t => {
  const names = [
    'a.html',
    'a.css',
    'a.svg',
    'a.json',
    'a.png',
    'a.woff2',
    'a.wasm',
    'a.mjs',
    'A.TXT',
    'a.odd',
    'a',
    'a.map',
  ];
  const folder = temporaryFolder(t, Object.fromEntries(names.map(name => [name, 'x'])));
  const {fetch} = asking(t, {types: {'.map': 'application/json'}}, folder);
  const types: (string | undefined)[] = [];
  for (const name of names) types.push((await fetch(`/assets/${name}`)).header('Content-Type'));
  t.deepEqual(types, [
    'text/html; charset=utf-8',
    'text/css; charset=utf-8',
    'image/svg+xml',
    'application/json; charset=utf-8',
    'image/png',
    'font/woff2',
    'application/wasm',
    'text/javascript; charset=utf-8',
    'text/plain; charset=utf-8',
    'application/octet-stream',
    'application/octet-stream',
    'application/json',
  ]);
});

test('HEAD has what GET has but the body, OPTIONS says what there is, others are a 405', async t => {
  const {fetch, folder} = asking(t);
  const head = await fetch('/assets/data.bin', {}, 'HEAD');
  t.deepEqual([head.status, head.text, head.header('Content-Length')], [200, '', '10']);
  t.is(head.header('ETag'), (await fetch('/assets/data.bin')).header('ETag'));
  const options = await fetch('/assets/data.bin', {}, 'OPTIONS');
  t.deepEqual([options.status, options.header('Allow')], [200, 'GET, HEAD, OPTIONS']);
  for (const method of ['POST', 'PUT', 'DELETE']) {
    const other = await fetch('/assets/data.bin', {}, method);
    t.deepEqual([other.status, other.header('Allow')], [405, 'GET, HEAD, OPTIONS'], method);
  }
  await until(() => openIn(folder) === 0, 'no file is open');
});

test('a folder is its index, and without a slash leads to itself with one, the query kept', async t => {
  const {fetch} = asking(t);
  t.is((await fetch('/assets/')).text, '<h1>Home</h1>');
  t.is((await fetch('/assets/sub/')).text, '<h1>Sub</h1>');
  for (const [from, to] of [
    ['/assets', '/assets/'],
    ['/assets/sub?a=b', '/assets/sub/?a=b'],
    ['/assets?//evil.example', '/assets/?//evil.example'],
  ] as const) {
    const {status, header} = await fetch(from);
    t.deepEqual([status, header('Location')], [308, to]);
  }
});

test('the index may have other names, and the first that is there counts', async t => {
  const folder = temporaryFolder(t, {'a/home.htm': 'home', 'a/index.html': 'index', 'b/index.html': 'b'});
  mkdirSync(join(folder, 'c/home.htm'), {recursive: true});
  put(join(folder, 'c/index.html'), 'c');
  const {fetch} = asking(t, {index: ['home.htm', 'index.html']}, folder);
  t.is((await fetch('/assets/a/')).text, 'home');
  t.is((await fetch('/assets/b/')).text, 'b');
  t.is((await fetch('/assets/c/')).text, 'c', 'a folder by that name is none');
  t.is((await asking(t, {index: []}, folder).fetch('/assets/a/')).status, 404);
});

test('a file is not there with a slash behind its name, nor below it', async t => {
  const {fetch} = asking(t, {fallback: 'index.html'});
  for (const path of ['/assets/app.js/', '/assets/app.js/x', '/assets/index.html/']) {
    t.is((await fetch(path, {Accept: 'text/html'})).status, 404, path);
  }
});

test('a site may have it as its root', async t => {
  const {site} = testSite(files(temporaryFolder(t, content)));
  t.is((await answered(site, {url: '/'})).body, '<h1>Home</h1>');
  t.is((await answered(site, {url: '/sub/'})).body, '<h1>Sub</h1>');
  t.is((await answered(site, {url: '/sub'})).header('Location'), '/sub/');
});

for (const path of ['//evil.example', '//evil.example/', '/%5Cevil.example', '//', '/sub//', '//sub']) {
  test(`as a root it sends nobody to another host: ${path}`, async t => {
    const {site} = testSite(files(temporaryFolder(t, content)));
    const {status, header} = await answered(site, {url: path});
    t.is(status, 404);
    t.is(header('Location'), undefined);
  });
}

test('the redirect to a folder keeps what is odd in its name', async t => {
  const folder = temporaryFolder(t, {'a?b#c é/index.html': 'x'});
  const {fetch} = asking(t, {allow: ['oddNames']}, folder);
  t.is((await fetch('/assets/a%3Fb%23c%20%C3%A9')).header('Location'), '/assets/a%3Fb%23c%20%C3%A9/');
});

// From published advisories of servers of files, and some of ours. Each is a 400 or a 404, and never what lies outside.
const ways = [
  // CVE-2014-6394 (send), CVE-2015-1164 (serve-static), CVE-2014-3744 (st), CVE-2017-16082 and its kind.
  '/assets/../secret.txt',
  '/assets/%2e%2e/secret.txt',
  '/assets/%2E%2E%2Fsecret.txt',
  '/assets/..%2fsecret.txt',
  '/assets/..%5csecret.txt',
  '/assets/..\\secret.txt',
  '/assets/%252e%252e/secret.txt',
  '/assets/%c0%ae%c0%ae/secret.txt',
  '/assets/....//secret.txt',
  '/assets/sub/../../secret.txt',
  '/assets/./../secret.txt',
  '/assets/%00/../secret.txt',
  '/assets/secret.txt%00.html',
  '/assets/%2Fetc%2Fpasswd',
  '/assets//etc/passwd',
  '/assets/public-secret/x',
  '/assets/..;/secret.txt',
  // Dot files: koa-send, CVE-2025-30208 and its kind of Vite, with what was put behind the name.
  '/assets/.env',
  '/assets/%2eenv',
  '/assets/.git/config',
  '/assets/sub/.env',
  '/assets/.env?raw??',
  '/assets/.env?import&raw',
  '/assets/.env%3fraw',
  '/assets/.env/',
  '/assets/.env%2F',
  '/assets/.env/.',
  '/assets/@fs/etc/passwd',
  // CVE-2025-46565 and CVE-2025-62522 (Vite): a slash or a backslash behind the name.
  '/assets/.env/%2e',
  '/assets/.env%5C',
  '/assets/link/secret.txt',
  '/assets/outside.txt',
  '/assets/hidden',
  '/assets/dotted/config',
  // What Windows would take for others.
  '/assets/app.js::$DATA',
  '/assets/app.js%20',
  '/assets/app.js.',
  '/assets/CON',
  '/assets/nul.txt',
  '/assets/com1.js',
  '/assets/LPT%C2%B9',
  '/assets/conin$',
  '/assets/C:',
  '/assets/C:%5Cwindows',
  '/assets/%5C%5Chost%5Cshare',
  '/assets/PROGRA~1',
  '/assets/app.j%3F',
  '/assets/app.*',
] as const;

for (const way of ways) {
  test(`no way leads out of the folder, to a dot file or to a name for Windows: ${way}`, async t => {
    const folder = temporaryFolder(t, {
      'secret.txt': 'secret',
      'public-secret/x': 'secret',
      'public/app.js': 'x',
      'public/.env': 'secret',
      'public/.git/config': 'secret',
      'public/sub/.env': 'secret',
      'public/CON': 'secret',
      'public/nul.txt': 'secret',
      'public/com1.js': 'secret',
      'public/app.js.': 'secret',
      'public/app.js ': 'secret',
      'public/PROGRA~1': 'secret',
      'public/..\\secret.txt': 'secret',
      'public/.env\\': 'secret',
    });
    symlinkSync(folder, join(folder, 'public/link'));
    symlinkSync('../secret.txt', join(folder, 'public/outside.txt'));
    symlinkSync('.env', join(folder, 'public/hidden'));
    symlinkSync('.git', join(folder, 'public/dotted'));
    for (const options of [{}, {fallback: 'app.js', listing: true, precompressed: true}]) {
      const {fetch} = asking(t, options, join(folder, 'public'));
      const headers = {Accept: 'application/json', 'Accept-Encoding': 'br'};
      const {status, text} = await fetch(way, headers);
      t.true(status === 404 || status === 400, String(status));
      t.notRegex(text, /secret"|^secret$/);
    }
  });
}

test('what is refused can be allowed, each by itself', async t => {
  const folder = temporaryFolder(t, {
    'outside.txt': 'outside',
    'in/.env': 'dot',
    'in/a:b.txt': 'odd',
    'in/aux.js': 'aux',
  });
  symlinkSync('../outside.txt', join(folder, 'in/link.txt'));
  symlinkSync('.env', join(folder, 'in/hidden'));
  const statuses = async (allow: FilesOptions['allow'] & {}) => {
    const {fetch} = asking(t, {allow}, join(folder, 'in'));
    const found: number[] = [];
    for (const name of ['link.txt', '.env', 'hidden', 'a:b.txt', 'aux.js'])
      found.push((await fetch(`/assets/${name}`)).status);
    return found;
  };
  t.deepEqual(await statuses([]), [404, 404, 404, 404, 404]);
  t.deepEqual(await statuses(['links']), [200, 404, 404, 404, 404]);
  t.deepEqual(await statuses(['dotFiles']), [404, 200, 200, 404, 404]);
  t.deepEqual(await statuses(['oddNames']), [404, 404, 404, 200, 200]);
  t.deepEqual(await statuses(['links', 'dotFiles', 'oddNames']), [200, 200, 200, 200, 200]);
});

test('a link within the folder is followed, and the folder itself may be one that is set anew', async t => {
  const folder = temporaryFolder(t, {'one/a.txt': 'one', 'two/a.txt': 'two', 'one/b/c.txt': 'c'});
  symlinkSync('b', join(folder, 'one/same'));
  const current = join(folder, 'current');
  symlinkSync('one', current);
  const {fetch} = asking(t, {}, current);
  t.is((await fetch('/assets/a.txt')).text, 'one');
  t.is((await fetch('/assets/same/c.txt')).text, 'c');
  rmSync(current);
  symlinkSync('two', current);
  t.is((await fetch('/assets/a.txt')).text, 'two');
});

test('a pipe, a socket and a device are not there, and nobody waits for them', async t => {
  const folder = temporaryFolder(t, {'a.txt': 'a'});
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  const server = createServer().listen(join(folder, 'socket'));
  t.teardown(() => server.close());
  await once(server, 'listening');
  symlinkSync('/dev/zero', join(folder, 'zero'));
  symlinkSync('loop', join(folder, 'loop'));
  for (const allow of [[], ['links', 'dotFiles', 'oddNames']] as const) {
    const {fetch} = asking(t, {allow}, folder);
    for (const name of ['pipe', 'socket', 'zero', 'loop', 'x'.repeat(300)]) {
      t.is((await fetch(`/assets/${name}`)).status, 404, name);
    }
  }
});

test('a file that may not be read is a 403', async t => {
  const {fetch, folder} = asking(t);
  chmodSync(join(folder, 'app.js'), 0);
  // Whoever may read everything, as root, is not refused.
  const isRoot = process.getuid?.() === 0;
  t.is((await fetch('/assets/app.js')).status, isRoot ? 200 : 403);
});

for (const [range, status, text, contentRange] of [
  ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=-2', 206, '89', 'bytes 8-9/10'],
  ['bytes=5-999', 206, '56789', 'bytes 5-9/10'],
  ['bytes=0-1,4-5', 200, '0123456789', undefined],
  ['bytes=x', 200, '0123456789', undefined],
  ['lines=0-1', 200, '0123456789', undefined],
  ['bytes=10-', 416, undefined, 'bytes */10'],
  ['bytes=-0', 416, undefined, 'bytes */10'],
] as const) {
  test(`Range: ${range} is a ${status}`, async t => {
    const {fetch, folder} = asking(t);
    const answer = await fetch('/assets/data.bin', {Range: range});
    t.is(answer.status, status);
    if (text !== undefined) t.deepEqual([answer.text, answer.header('Content-Length')], [text, String(text.length)]);
    t.is(answer.header('Content-Range'), contentRange);
    t.is((await fetch('/assets/data.bin', {Range: range}, 'HEAD')).status, 200, 'HEAD has no ranges');
    await until(() => openIn(folder) === 0, 'no file is open');
  });
}

test('a range is sent of what the client has the beginning of, and else the whole', async t => {
  const {fetch} = asking(t);
  const tag = (await fetch('/assets/data.bin')).header('ETag')!;
  const parts = async (headers: Record<string, string>) =>
    (await fetch('/assets/data.bin', {Range: 'bytes=0-3', ...headers})).status;
  t.is(await parts({'If-Range': tag}), 206);
  t.is(await parts({'If-Range': changed}), 206);
  for (const value of [
    '"another"',
    `W/${tag}`,
    tag.replace(/"$/, '-gzip"'),
    new Date(changedAt + 1000).toUTCString(),
    'x',
  ]) {
    t.is(await parts({'If-Range': value}), 200, value);
  }
  t.is(await parts({'If-None-Match': tag}), 304);
  t.is(await parts({'If-Match': '"another"'}), 412);
});

test('conditions are answered in their order, and no file stays open', async t => {
  const {fetch, folder} = asking(t);
  const tag = (await fetch('/assets/data.bin')).header('ETag')!;
  const statuses = async (headers: Record<string, string>) => [
    (await fetch('/assets/data.bin', headers)).status,
    (await fetch('/assets/data.bin', headers, 'HEAD')).status,
  ];
  t.deepEqual(await statuses({'If-None-Match': tag}), [304, 304]);
  t.deepEqual(await statuses({'If-None-Match': `"a", W/${tag}`}), [304, 304]);
  t.deepEqual(await statuses({'If-Modified-Since': changed}), [304, 304]);
  t.deepEqual(await statuses({'If-None-Match': '"a"', 'If-Modified-Since': changed}), [200, 200]);
  t.deepEqual(await statuses({'If-Unmodified-Since': new Date(0).toUTCString()}), [412, 412]);
  t.deepEqual(await statuses({'If-Match': `W/${tag}`}), [412, 412]);
  t.deepEqual(await statuses({'If-Modified-Since': 'Sat, 99 Nov 2026 00:00:00 GMT'}), [200, 200]);
  const known = await fetch('/assets/data.bin', {'If-None-Match': tag});
  t.deepEqual(
    [known.header('ETag'), known.header('Content-Type'), known.header('Content-Length')],
    [tag, undefined, undefined],
  );
  await until(() => openIn(folder) === 0, 'no file is open');
});

test('a file that was changed a moment ago has a weak tag, of which no range is sent, and no time that is to come', async t => {
  const {fetch, folder} = asking(t);
  // As a clock has it that goes ahead of ours, so that no moment passes for long.
  put(join(folder, 'data.bin'), '0123456789', Date.now() + 3_600_000);
  const first = await fetch('/assets/data.bin');
  const tag = first.header('ETag')!;
  t.regex(tag, /^W\//);
  t.true(Date.parse(first.header('Last-Modified')!) <= Date.now());
  t.is((await fetch('/assets/data.bin', {'If-None-Match': tag})).status, 304);
  t.is((await fetch('/assets/data.bin', {Range: 'bytes=0-1', 'If-Range': tag})).status, 200);
  t.is((await fetch('/assets/data.bin', {Range: 'bytes=0-1', 'If-Range': first.header('Last-Modified')!})).status, 200);
});

test('an empty file is empty, whatever range is asked for', async t => {
  const {fetch} = asking(t, {}, temporaryFolder(t, {'empty.txt': ''}));
  const {status, text, header} = await fetch('/assets/empty.txt');
  t.deepEqual([status, text, header('Content-Length')], [200, '', '0']);
  t.is((await fetch('/assets/empty.txt', {Range: 'bytes=0-'})).status, 416);
  t.is((await fetch('/assets/empty.txt', {Range: 'bytes=-5'})).status, 200);
});

for (const [options, cacheControl] of [
  [{}, 'no-cache'],
  [{maxAge: 90_500}, 'max-age=90'],
  [{maxAge: 0}, 'max-age=0'],
  [{maxAge: '30d'}, 'max-age=2592000'],
  [{maxAge: '1y', immutable: true}, 'max-age=31536000, immutable'],
] as const) {
  test(`with ${JSON.stringify(options)} caches are told ${cacheControl}`, async t => {
    const {fetch} = asking(t, {...options, fallback: 'index.html'});
    t.is((await fetch('/assets/app.js')).header('Cache-Control'), cacheControl);
    t.is((await fetch('/assets/')).header('Cache-Control'), 'no-cache', 'an index stays under its name');
    t.is((await fetch('/assets/x', {Accept: 'text/html'})).header('Cache-Control'), 'no-cache');
  });
}

test('the fall-back goes to who asks for HTML, where nothing is', async t => {
  const {fetch} = asking(t, {fallback: 'index.html'});
  const page = await fetch('/assets/users/7', {Accept: 'text/html,application/xhtml+xml,*/*;q=0.8'});
  t.deepEqual([page.status, page.text, page.header('Vary')], [200, '<h1>Home</h1>', 'Accept']);
  t.is((await fetch('/assets/bare/', {Accept: 'text/html'})).text, '<h1>Home</h1>', 'a folder without an index');
  t.is((await fetch('/assets/x.js', {Accept: '*/*'})).status, 404);
  t.is((await fetch('/assets/x.js')).status, 404);
  t.is((await fetch('/assets/.env', {Accept: 'text/html'})).status, 404);
  t.is((await asking(t, {fallback: 'sub'}).fetch('/assets/x', {Accept: 'text/html'})).status, 404, 'a folder is none');
  t.is((await asking(t, {fallback: 'gone.html'}).fetch('/assets/x', {Accept: 'text/html'})).status, 404);
});

test('a packed file is sent to who takes it, with a tag of its own', async t => {
  const js = 'let a = 1;'.repeat(100);
  const folder = temporaryFolder(t, {'app.js': js, 'app.js.br': brotliCompressSync(js), 'app.js.gz': gzipSync(js)});
  const {site} = asking(t, {precompressed: true}, folder);
  const sent = async (headers: Record<string, string>) => {
    const {status, header} = await answered(site, {url: '/assets/app.js', headers});
    t.is(header('Vary'), 'Accept-Encoding');
    t.is(header('Content-Type'), 'text/javascript; charset=utf-8');
    return [status, header('Content-Encoding'), header('Content-Length')] as const;
  };
  t.deepEqual(await sent({}), [200, undefined, String(js.length)]);
  t.deepEqual(await sent({'Accept-Encoding': 'zstd, br, gzip'}), [200, 'br', String(brotliCompressSync(js).length)]);
  t.deepEqual((await sent({'Accept-Encoding': 'gzip'}))[1], 'gzip');
  t.deepEqual((await sent({'Accept-Encoding': 'br;q=0, gzip;q=0.5, identity;q=0.1'}))[1], 'gzip');
  t.deepEqual((await sent({'Accept-Encoding': 'identity, br;q=0.5'}))[1], undefined);
  const tags = new Set<string | undefined>();
  for (const coding of ['identity', 'br', 'gzip']) {
    const answer = await answered(site, {url: '/assets/app.js', headers: {'Accept-Encoding': coding}});
    const tag = answer.header('ETag')!;
    tags.add(tag);
    const known = {'Accept-Encoding': coding, 'If-None-Match': tag};
    t.is((await answered(site, {url: '/assets/app.js', headers: known})).status, 304, coding);
    const part = {...known, 'If-None-Match': '"x"', Range: 'bytes=0-9'};
    const ranged = await answered(site, {url: '/assets/app.js', headers: part});
    t.deepEqual(
      [ranged.status, ranged.header('Content-Encoding')],
      [206, undefined],
      'a part is one of the file itself',
    );
    const resumed = await answered(site, {url: '/assets/app.js', headers: {...part, 'If-Range': tag}});
    t.is(resumed.status, coding === 'identity' ? 206 : 200, 'nothing is put behind what is packed');
  }
  t.is(tags.size, 3);
  await until(() => openIn(folder) === 0, 'no file is open');
});

test('what is packed is not sent where the file has been changed since, or leads out of the folder', async t => {
  const folder = temporaryFolder(t, {'out.br': 'secret', 'in/a.js': 'new', 'in/b.js': 'b', 'in/c.js': 'c'});
  put(join(folder, 'in/a.js.br'), 'old', changedAt - 1000);
  symlinkSync('../out.br', join(folder, 'in/b.js.br'));
  mkdirSync(join(folder, 'in/c.js.br'));
  const {fetch} = asking(t, {precompressed: true}, join(folder, 'in'));
  for (const [name, text] of [
    ['a.js', 'new'],
    ['b.js', 'b'],
    ['c.js', 'c'],
  ] as const) {
    t.is((await fetch(`/assets/${name}`, {'Accept-Encoding': 'br'})).text, text);
  }
});

test('compress() and etag() above it hold: tags of a coding, and no part of what is packed', async t => {
  const text = 'words '.repeat(1000);
  const folder = temporaryFolder(t, {'a.txt': text});
  for (const use of [[compress()], [etag(), compress()], [compress(), etag()]]) {
    const {site} = testSite(files(folder), {use});
    const gzip = {'Accept-Encoding': 'gzip'};
    const first = await answered(site, {url: '/a.txt', headers: gzip});
    t.is(first.header('Content-Encoding'), 'gzip');
    const tag = first.header('ETag')!;
    t.regex(tag, /-gzip"$/);
    const again = await answered(site, {url: '/a.txt', headers: {...gzip, 'If-None-Match': tag}});
    t.deepEqual([again.status, again.header('ETag')], [304, tag]);
    const plain = await answered(site, {url: '/a.txt', headers: {'If-None-Match': tag}});
    t.is(plain.status, 200, 'who takes no coding has not got it yet');
    const part = await answered(site, {url: '/a.txt', headers: {...gzip, Range: 'bytes=0-4', 'If-Range': tag}});
    t.is(part.status, 200);
    const own = await answered(site, {url: '/a.txt', headers: {...gzip, Range: 'bytes=0-4'}});
    t.deepEqual([own.status, own.body, own.header('Content-Encoding')], [206, 'words', undefined]);
  }
  await until(() => openIn(folder) === 0, 'no file is open');
});

test('a listing has what would be sent, folders first, with names escaped and encoded', async t => {
  const folder = temporaryFolder(t, {
    'in/b.txt': 'b'.repeat(2000),
    'in/<script>.txt': '',
    'in/a & b "c".txt': 'x',
    'in/java%2F.txt': 'x',
    'in/z/a.txt': 'a',
    'in/.env': 'secret',
    'in/aux': 'x',
    'out.txt': 'secret',
  });
  symlinkSync('../out.txt', join(folder, 'in/out.txt'));
  symlinkSync('gone', join(folder, 'in/broken'));
  symlinkSync('b.txt', join(folder, 'in/link.txt'));
  execFileSync('mkfifo', [join(folder, 'in/pipe')]);
  const {fetch} = asking(t, {listing: true, allow: ['oddNames']}, join(folder, 'in'));
  const {status, text, header} = await fetch('/assets/');
  t.is(status, 200);
  t.is(header('Content-Type'), 'text/html; charset=utf-8');
  t.regex(header('Content-Security-Policy')!, /default-src 'none'/);
  const links = [...text.matchAll(/<a href="(.*?)">(.*?)<\/a><td>(.*)/g)].map(([, href, name, size]) => [
    href,
    name,
    size,
  ]);
  t.deepEqual(links, [
    ['./z/', 'z/', ''],
    ['./%3Cscript%3E.txt', '&lt;script&gt;.txt', '0 B'],
    ['./a%20%26%20b%20%22c%22.txt', 'a &amp; b &quot;c&quot;.txt', '1 B'],
    ['./aux', 'aux', '1 B'],
    ['./b.txt', 'b.txt', '2 KiB'],
    ['./java%252F.txt', 'java%2F.txt', '1 B'],
    ['./link.txt', 'link.txt', '2 KiB'],
  ]);
  t.regex((await fetch('/assets/z/')).text, /<a href="\.\.\/">/);
  t.notRegex(text, /\.\.\//);
  t.is((await fetch('/assets/z')).status, 308);
  t.is((await asking(t, {}, join(folder, 'in')).fetch('/assets/')).status, 404, 'no folder is listed by default');
});

test('a folder that changes while it is listed is listed as it is found', async t => {
  const names = Array.from({length: 300}, (_, i) => `f${i}.txt`);
  const {fetch, folder} = asking(t, {listing: true}, temporaryFolder(t, Object.fromEntries(names.map(n => [n, 'x']))));
  const [listed] = await Promise.all([
    fetch('/assets/'),
    (async () => {
      for (const name of names) {
        unlinkSync(join(folder, name));
        put(join(folder, `new-${name}`), 'y');
        await new Promise(setImmediate);
      }
    })(),
  ]);
  t.is(listed.status, 200);
  rmSync(folder, {recursive: true});
  t.is((await fetch('/assets/')).status, 404);
});

test('a link that is set to and fro never shows what lies outside', async t => {
  const folder = temporaryFolder(t, {'secret/a.txt': 'secret', 'in/real/a.txt': 'public', 'in/b/x': ''});
  const swapped = join(folder, 'in/swapped');
  const {fetch} = asking(t, {listing: true}, join(folder, 'in'));
  const over = new AbortController();
  const swapping = (async () => {
    for (let i = 0; !over.signal.aborted; i += 1) {
      rmSync(swapped, {force: true, recursive: true});
      symlinkSync(i % 2 ? '../secret' : 'real', swapped);
      await new Promise(setImmediate);
    }
  })();
  const texts = new Set<string>();
  for (let i = 0; i < 2000; i += 1) texts.add((await fetch('/assets/swapped/a.txt')).text);
  over.abort();
  await swapping;
  t.true(texts.has('public'));
  t.false(texts.has('secret'));
});

/** The URL of a site that listens. */
async function listening(t: ExecutionContext, Root: ResourceClass): Promise<{url: string}> {
  const site = createSite(Root, {modules: [silent]});
  t.teardown(() => site.close());
  return {url: await site.listen({port: 0, host: '127.0.0.1'})};
}

const silent = new ContainerModule(({bind}) => {
  bind(Logger).toConstantValue({error: () => undefined, warn: () => undefined});
});

const big = Buffer.alloc(20 * 1024 * 1024, 'x');

async function responseOf(url: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const [response] = (await once(get(url, {headers, agent: false}), 'response')) as [IncomingMessage];
  return response;
}

async function bytesOf(response: IncomingMessage): Promise<number> {
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
  return bytes;
}

test.serial('a file that shrinks while it is sent cuts that answer off, and nothing else', async t => {
  const folder = temporaryFolder(t, {'big.bin': big, 'small.txt': 'small'});
  const {url} = await listening(t, files(folder));
  const response = await responseOf(`${url}/big.bin`);
  await once(response, 'readable');
  truncateSync(join(folder, 'big.bin'), 1024 * 1024);
  await t.throwsAsync(bytesOf(response), {code: 'ECONNRESET'});
  t.is(await (await fetch(`${url}/small.txt`)).text(), 'small');
  await until(() => openIn(folder) === 0, 'no file is open');
});

test.serial('a file that is replaced, or vanishes, while it is sent is sent as it was', async t => {
  const folder = temporaryFolder(t, {'big.bin': big, 'gone.bin': big});
  const {url} = await listening(t, files(folder));
  for (const name of ['big.bin', 'gone.bin']) {
    const response = await responseOf(`${url}/${name}`);
    await once(response, 'readable');
    unlinkSync(join(folder, name));
    if (name === 'big.bin') put(join(folder, name), 'new');
    t.is(await bytesOf(response), big.length);
  }
  t.is(await (await fetch(`${url}/big.bin`)).text(), 'new');
  t.is((await fetch(`${url}/gone.bin`)).status, 404);
  await until(() => openIn(folder) === 0, 'no file is open');
});

test.serial('a client that goes leaves no file open, at whatever stage', async t => {
  const folder = temporaryFolder(t, {'big.bin': big, 'small.txt': 'small'});
  const {url} = await listening(t, files(folder));
  const port = Number(new URL(url).port);
  const request = `GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  // Before anything is sent, with the head, and in the middle.
  for (const wait of [0, 1, 100_000, 1_000_000]) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(request);
    for (let got = 0; got < wait;) got += ((await once(socket, 'data')) as [Buffer])[0].length;
    socket.destroy();
  }
  for (let i = 0; i < 50; i += 1) {
    const client = ask(`${url}/big.bin`, {agent: false}).on('error', () => undefined);
    client.end();
    setImmediate(() => client.destroy());
  }
  await until(() => openIn(folder) === 0, 'no file is open');
  t.is(await (await fetch(`${url}/small.txt`)).text(), 'small');
});

test.serial('a slow reader does not fill the memory', async t => {
  const folder = temporaryFolder(t, {'big.bin': Buffer.alloc(100 * 1024 * 1024)});
  const {url} = await listening(t, files(folder));
  const before = process.memoryUsage().arrayBuffers;
  const responses: IncomingMessage[] = [];
  for (let i = 0; i < 10; i += 1) responses.push(await responseOf(`${url}/big.bin`));
  for (const response of responses) await once(response, 'readable');
  // What they have not asked for is still on the disk: of a gibibyte some pieces are here.
  t.is(openIn(folder), 10);
  t.true(process.memoryUsage().arrayBuffers - before < 100 * 1024 * 1024);
  for (const response of responses) response.destroy();
  await until(() => openIn(folder) === 0, 'no file is open');
});

test('no session is begun, found or touched', async t => {
  let calls = 0;
  const store = new Proxy(new MemoryStore(), {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (!['onEnd', 'close'].includes(String(name))) calls += 1;
      return value.bind(target) as unknown;
    },
  });
  const folder = temporaryFolder(t, content);
  const {site} = testSite(files(folder, {listing: true, fallback: 'index.html'}), {replace: [[SessionStore, store]]});
  calls = 0;
  for (const url of ['/app.js', '/', '/sub', '/bare/', '/none']) {
    const {header} = await answered(site, {url, headers: {Cookie: `sid=${'a'.repeat(43)}`, Accept: 'text/html'}});
    t.is(header('Set-Cookie'), undefined);
    t.notRegex(header('Vary') ?? '', /cookie/i);
  }
  t.is(calls, 0);
});

test('a guard above it holds for each file, for what is not there, and however the path is written', async t => {
  class Nobody implements Middleware {
    handle(): never {
      throw createError(401, 'Nobody comes in.');
    }
  }
  @Resource()
  @Use(Nobody)
  @Child('files', files(temporaryFolder(t, content)))
  class Members {}
  @Resource()
  @Child('members', Members)
  class Root {}
  const {site} = testSite(Root);
  for (const path of ['app.js', 'none', '', 'sub', 'sub/', '%61pp.js', '.env', 'sub%2Findex.html']) {
    t.is((await answered(site, {url: `/members/files/${path}`})).status, 401, path);
  }
  for (const path of [
    '/%6Dembers/files/app.js',
    '/members/files/app.js?x',
    '/members/%66iles/app.js',
    '/members//files/app.js',
  ]) {
    t.is((await answered(site, {url: path})).status, 401, path);
  }
  for (const path of ['//members/files/app.js', '/members%2Ffiles/app.js', '/Members/files/app.js']) {
    t.is((await answered(site, {url: path})).status, 404, path);
  }
});

test('a handler above may say more: what it has set of tag, type or caching holds', async t => {
  class Mine implements Middleware {
    async handle(_request: Request, response: Response, next: () => Promise<unknown>) {
      response.setHeader('Cache-Control', 'private, max-age=5');
      response.setHeader('Content-Type', 'text/x-mine');
      return next();
    }
  }
  const {site} = testSite(files(temporaryFolder(t, content)), {use: [Mine]});
  const {header} = await answered(site, {url: '/app.js'});
  t.is(header('Cache-Control'), 'private, max-age=5');
  t.is(header('Content-Type'), 'text/x-mine');
});

test('the tree shows a leaf by the name of its folder, with the place where it was written', t => {
  const {site} = serving(temporaryFolder(t, {'public/a.txt': 'a'}) + '/public');
  const [assets] = site.tree.children;
  t.is(assets!.pattern, '/assets');
  t.is(assets!.name, 'Files("public")');
  t.true(assets!.isLeaf);
  t.regex(assets!.place!, /files\.spec\.ts:\d+$/);
  t.deepEqual(
    assets!.handlers.map(({verb, method}) => [verb, method]),
    [['GET', 'Files("public").serve()']],
  );
});

test('a folder is named by a path or a URL, a relative path from the working directory', async t => {
  const folder = temporaryFolder(t, content);
  const byUrl = testSite(files(pathToFileURL(`${folder}/`)));
  t.is((await answered(byUrl.site, {url: '/app.js'})).status, 200);
  const {site} = testSite(files('docs'));
  t.is((await answered(site, {url: '/errors.md'})).status, 200);
});

const beside = new URL('.', import.meta.url);

for (const [given, options, message] of [
  [
    'no-such-folder',
    {},
    /^files\(\): there is no folder .*no-such-folder\. A relative one is looked for in the working directory; new URL/,
  ],
  ['package.json', {}, /there is no folder/],
  ['', {}, /the folder must be a path, or a URL/],
  [7, {}, /the folder must be a path, or a URL/],
  [new URL('http://localhost/'), {}, /the folder must be a path, or a URL/],
  [beside, {maxage: 1}, /no option "maxage"\. Did you mean "maxAge"\?/],
  [beside, {maxAge: '1 year'}, /maxAge is "1 year"\. It must be a number of milliseconds/],
  [beside, {maxAge: -1}, /maxAge is -1/],
  [beside, {maxAge: Infinity}, /maxAge is Infinity/],
  [beside, {immutable: true}, /immutable says nothing without maxAge/],
  [beside, {index: 'index.html'}, /index is "index\.html"\. It must be a list of names/],
  [beside, {index: ['a/b']}, /It must be a list of names/],
  [beside, {allow: ['dotfiles']}, /It must be a list of "dotFiles", "links" and "oddNames"/],
  [beside, {types: {map: 'a/b'}}, /It must be types by endings/],
  [beside, {types: {'.map': 'json'}}, /It must be types by endings/],
  [beside, {fallback: ''}, /fallback is ""/],
] as const) {
  test(`files(${String(given)}, ${JSON.stringify(options)}) is refused at once`, t => {
    t.throws(() => files(given as string, options as FilesOptions), {code: 'OPTION_INVALID', message});
  });
}

// What Twisted answers for a File, by its own tests and by its source; a difference is on purpose, and says why.
for (const [line, path, headers, status] of [
  ['a missing child is a 404', '/assets/none', {}, 404],
  ['an insecure name is a 404', '/assets/..%2Fa', {}, 404],
  ['an undecodable name is a 404; ours is a 400, as everywhere', '/assets/%FF', {}, 400],
  ['a file with a Unicode name is served', '/assets/sub/Gr%C3%BC%C3%9Fe%20&%20more.txt', {}, 200],
  ['a directory without a slash redirects', '/assets/sub', {}, 308],
  ['"." is the directory itself; ours is a 400, as everywhere', '/assets/.', {}, 400],
  ['an empty directory is listed; ours is not, unless it is asked for', '/assets/bare/', {}, 404],
  ['an extension may be left out with ignoredExts; ours has no such option', '/assets/app', {}, 404],
  ['a range: start and end', '/assets/data.bin', {Range: 'bytes=1-2'}, 206],
  ['a range: start only', '/assets/data.bin', {Range: 'bytes=1-'}, 206],
  ['a range: suffix', '/assets/data.bin', {Range: 'bytes=-1'}, 206],
  ['a range: blanks around it', '/assets/data.bin', {Range: 'bytes= 1-2 '}, 206],
  ['a range: an overlapping end is clamped', '/assets/data.bin', {Range: 'bytes=3-999'}, 206],
  ['a range: beyond the end', '/assets/data.bin', {Range: 'bytes=100-'}, 416],
  ['a range: malformed is ignored', '/assets/data.bin', {Range: 'foobar=0-43'}, 200],
  ['several ranges are multipart; ours are the whole', '/assets/data.bin', {Range: 'bytes=0-1,3-4'}, 200],
  ['several, none satisfiable, are a 416; ours are the whole', '/assets/data.bin', {Range: 'bytes=90-91,93-94'}, 200],
  ['a dot file is served; ours is a 404', '/assets/.env', {}, 404],
  ['a page for Python, .rpy, is served as source; ours has no such pages', '/assets/page.rpy', {}, 404],
] as const) {
  test(`as in Twisted: ${line}`, async t => {
    const {fetch, folder} = asking(t);
    put(join(folder, '.env'), 'secret');
    t.is((await fetch(path, headers)).status, status);
  });
}

test('over TLS, where nobody sees how far a write has gone, it goes out in pieces of 64 KiB', async t => {
  const {site} = testSite(files(temporaryFolder(t, {'big.bin': Buffer.alloc(300_000)})));
  const largest = async (secure: boolean) => {
    const sizes: number[] = [];
    const response = await site.handle({url: '/big.bin', secure});
    for await (const chunk of response.stream!) sizes.push(chunk.length);
    return Math.max(...sizes);
  };
  t.is(await largest(true), 65_536);
  t.is(await largest(false), 262_144);
});

test('a folder that is away is a 404 for as long as that lasts', async t => {
  const base = temporaryFolder(t, {'in/a.txt': 'a'});
  const {fetch} = asking(t, {}, join(base, 'in'));
  rmSync(join(base, 'in'), {recursive: true});
  for (const path of ['/assets/', '/assets', '/assets/a.txt']) t.is((await fetch(path)).status, 404, path);
  put(join(base, 'in/a.txt'), 'again');
  t.is((await fetch('/assets/a.txt')).text, 'again');
});

test('a middleware that answers in place of a file, or of the way to a folder, has nothing of these in its answer', async t => {
  class Elsewhere implements Middleware {
    async handle(_request: Request, _response: Response, next: Next) {
      await next();
      return 'elsewhere';
    }
  }
  @Resource()
  @Use(Elsewhere)
  class Assets extends files(temporaryFolder(t, {'a.txt': 'a', 'sub/b.txt': 'b', 'index.html': 'page'}), {
    precompressed: true,
    fallback: 'index.html',
  }) {}
  @Resource()
  @Child('assets', Assets)
  class Home {}
  const visitor = testSite(Home).visitor();
  for (const path of ['/assets/a.txt', '/assets/sub', '/assets/nothing']) {
    const answer = await visitor.get(path, {headers: {accept: 'text/html'}});
    const {status, headers} = answer;
    t.deepEqual(
      [status, headers.get('location'), headers.get('vary'), await answer.text()],
      [200, null, null, 'elsewhere'],
      path,
    );
  }
});

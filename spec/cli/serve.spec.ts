import {linkSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {request as ask} from 'node:http';
import {get} from 'node:https';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {espalier, project} from './project.ts';
import {answers, counting, Running} from './running.ts';

const script = (text: string) => `
import {Get, Resource} from 'espalier';
@Resource()
export default class Script {
  @Get()
  show() {
    return ${text};
  }
}`;

const counter = counting['shop.ts']
  .replace('await serve(Shop, {port: 0});', 'export default Shop;')
  .replace('./word.ts', '../word.ts');

/** Serve a folder of a project, on any port. */
async function serving(t: ExecutionContext, files: Readonly<Record<string, string>>, ...args: readonly string[]) {
  const folder = project(t, {...counting, 'public/index.html': '<p>Home</p>', ...files});
  const served = new Running(t, ['serve', 'public', '--port', '0', ...args], folder);
  return {served, url: await served.url(), folder};
}

/** Ask for a path as it is written; gives the status and the body. */
function raw(url: string, path: string): Promise<{status: number; text: string}> {
  const {hostname, port} = new URL(url);
  return new Promise((resolve, reject) => {
    ask({hostname, port, path, agent: false}, answer => {
      let text = '';
      answer.on('data', (data: Buffer) => (text += data.toString('latin1')));
      answer.once('end', () => resolve({status: answer.statusCode!, text}));
    })
      .once('error', reject)
      .end();
  });
}

test('a folder is served with its files, its scripts, and those of the folders in it', async t => {
  const files = {
    'public/a.css': 'p {}',
    'public/hello.resource.ts': script(`'hello'`),
    'public/deep/down/x.resource.ts': script(`'x'`),
    'public/deep/page.html': '<p>Page</p>',
    'public/deep/index.html': '<p>Deep</p>',
    'public/old.resource.js': `import {Get, Resource} from 'espalier';\nclass Old { show() { return 'old'; } }\nGet()(Old.prototype, 'show', {});\nResource()(Old);\nexport default Old;`,
  };
  const {url} = await serving(t, files);
  const got = await Promise.all(
    [
      '',
      'a.css',
      'hello',
      'deep/down/x',
      'deep/page.html',
      'deep/',
      'deep',
      'old',
      'none',
      'deep/none',
      'deep/down/',
    ].map(async path => {
      const answer = await fetch(`${url}/${path}`);
      return `${path} ${answer.status} ${answer.headers.get('content-type')?.split(';')[0]} ${answer.ok ? await answer.text() : ''}`;
    }),
  );
  t.deepEqual(got, [
    ' 200 text/html <p>Home</p>',
    'a.css 200 text/css p {}',
    'hello 200 text/plain hello',
    'deep/down/x 200 text/plain x',
    'deep/page.html 200 text/html <p>Page</p>',
    'deep/ 200 text/html <p>Deep</p>',
    'deep 200 text/html <p>Deep</p>',
    'old 200 text/plain old',
    'none 404 application/problem+json ',
    'deep/none 404 application/problem+json ',
    'deep/down/ 404 application/problem+json ',
  ]);
});

test('a script is there when its file comes, anew when it or what it imports changes, gone with it, and sessions stay', async t => {
  const {served, url, folder} = await serving(t, {'public/count.resource.ts': counter});
  const first = await fetch(`${url}/count`);
  t.is(await first.text(), 'one 1');
  const headers = {cookie: first.headers.get('set-cookie')!.split(';')[0]!};
  served.write('word.ts', `export const word = 'two';`);
  t.regex(await answers(`${url}/count`, /two/, {headers}), /^two \d+$/);
  mkdirSync(join(folder, 'public/new'));
  served.write('public/new/x.resource.ts', script(`'x'`));
  t.is(await answers(`${url}/new/x`, /^x$/), 'x');
  served.write('public/new/x.resource.ts', script(`'y'`));
  await answers(`${url}/new/x`, /^y$/);
  renameSync(join(folder, 'public/new'), join(folder, 'public/other'));
  await answers(`${url}/other/x`, /^y$/);
  await answers(`${url}/new/x`, /"status":404/);
  rmSync(join(folder, 'public/other/x.resource.ts'));
  await answers(`${url}/other/x`, /"status":404/);
  const [, count] = /^two (\d+)$/.exec(await (await fetch(`${url}/count`, {headers})).text())!;
  t.true(Number(count) > 2);
});

test('a script that does not run is a 500 that names file and line to this machine alone, and the rest goes on', async t => {
  const files = {
    'public/fine.resource.ts': script(`'fine'`),
    'public/broken.resource.ts': script(`'`),
    'public/none.resource.ts': 'export const word = 1;',
    'public/throws.resource.ts': `throw new Error('No database.');`,
    'public/refused.resource.ts': script(`''`).replace('@Get()', '@Get() @Get()'),
    'public/needy.resource.ts': script(`''`)
      .replace('show() {', 'show() {')
      .replace('class Script {', 'class Script { constructor(@inject(Symbol("Pool")) readonly pool: unknown) {}')
      .replace('{Get,', '{inject, Get,'),
  };
  const {served, url} = await serving(t, files);
  t.is(await (await fetch(`${url}/fine`)).text(), 'fine');
  const told: [string, RegExp][] = [
    ['broken', /broken\.resource\.ts:7:\d+[^]*&gt; 7 \|/],
    ['none', /none\.resource\.ts exports no resource/],
    ['throws', /No database\.[^]*throws\.resource\.ts:1:7/],
    ['refused', /Script has two methods for GET[^]*refused\.resource\.ts:\d+/],
    ['needy', /Pool[^]*needy\.resource\.ts/],
  ];
  for (const [name, form] of told) {
    const answer = await fetch(`${url}/${name}`);
    t.is(answer.status, 500, name);
    t.regex(await answer.text(), form);
    const other = await fetch(`${url}/${name}`, {method: 'POST', headers: {'X-Forwarded-For': '192.0.2.1'}});
    t.is(other.status, 500);
    t.notRegex(await other.text(), /resource\.ts/, 'nothing is told to others');
  }
  served.write('public/broken.resource.ts', script(`'mended'`));
  t.is(await answers(`${url}/broken`, /^mended$/), 'mended');
});

test('in production nobody is shown why a script does not run', async t => {
  const folder = project(t, {'public/broken.resource.ts': script(`'`)});
  const served = new Running(t, ['serve', 'public', '--port', '0'], folder, {NODE_ENV: 'production'});
  const text = await (await fetch(`${await served.url()}/broken`)).text();
  t.notRegex(text, /resource\.ts|Unterminated/);
  t.regex(served.output, /public\/broken\.resource\.ts does not run: .*\n.*broken\.resource\.ts:7:\d+: [^]*> 7 \|/);
});

test('no way leads to the text of a program, or out of the folder', async t => {
  const files = {
    'secret.txt': 'secret',
    'public/.env': 'secret',
    'public/.hidden/a.txt': 'secret',
    'public/a.txt': 'plain',
    'public/page.resource.ts': `import {word} from './helper.js';\nimport secret from './secret.json' with {type: 'json'};\n${script('word + secret.length')}`,
    'public/helper.js': `export const word = 'secret';`,
    'public/secret.json': '["secret"]',
    'public/types.ts': 'secret',
    'public/package.json': '{"type": "module", "secret": true}',
    'public/node_modules/x/a.txt': 'secret',
    'public/bad.resource.ts': `import './hidden.js'\nsecret secret`,
    'public/hidden.js': `import './below.js'; // secret`,
    'public/below.js': `// secret`,
    'public/page.resource.ts.bak': 'secret',
    'public/page.resource.js.map': 'secret',
    'public/sub/other.resource.ts': script(`'secret'`),
  };
  const folder = project(t, files);
  const at = (name: string) => join(folder, 'public', name);
  symlinkSync('page.resource.ts', at('link.txt'));
  symlinkSync('helper.js', at('link.js'));
  symlinkSync('../secret.txt', at('out.txt'));
  symlinkSync('..', at('up'));
  symlinkSync('sub', at('down'));
  linkSync(at('page.resource.ts'), at('hard.txt'));
  const served = new Running(t, ['serve', 'public', '--port', '0'], folder);
  const url = await served.url();
  t.is((await raw(url, '/page')).status, 200);
  t.is((await raw(url, '/a.txt')).text, 'plain');
  const ways = [
    'page.resource.ts',
    'page.resource.ts/',
    'page.resource.TS',
    'PAGE.RESOURCE.TS',
    'page.resource.ts.',
    'page.resource.ts%20',
    'page%2eresource%2ets',
    'page.resource.ts%00',
    'page.resource.ts%00.txt',
    'page.resource.ts::$DATA',
    'PAGE~1.TS',
    'page.resource.ts?x',
    'page.resource.ts%2f',
    '%70age.resource.ts',
    'page.resource.ts.bak',
    'page.resource.js.map',
    'page/page.resource.ts',
    'page/../page.resource.ts',
    './page.resource.ts',
    '/page.resource.ts',
    'link.txt',
    'link.js',
    'hard.txt',
    'out.txt',
    'up/secret.txt',
    'up/public/page.resource.ts',
    'down/other.resource.ts',
    'sub/other.resource.ts',
    'helper.js',
    'helper.js/',
    'HELPER.JS',
    'secret.json',
    'types.ts',
    'package.json',
    'node_modules/x/a.txt',
    'hidden.js',
    'below.js',
    'bad.resource.ts',
    '.env',
    '%2eenv',
    '.hidden/a.txt',
    '../secret.txt',
    '..%2fsecret.txt',
    '%2e%2e/secret.txt',
    '..%5csecret.txt',
    '..\\secret.txt',
    'sub/..%2f..%2fsecret.txt',
    'sub%2fother.resource.ts',
    'sub%5cother.resource.ts',
    '%2e%2e%2fsecret.txt',
    '....//secret.txt',
    '%c0%ae%c0%ae/secret.txt',
    'a.txt/../../secret.txt',
    folder.slice(1) + '/secret.txt',
  ];
  for (const way of ways) {
    const {status, text} = await raw(url, `/${way}`);
    t.true(status === 404 || status === 400, `${way} ${status}`);
    t.notRegex(text, /secret"?\]|secret$|export|import/, way);
  }
});

test('several processes serve with one store, one that ends is replaced, and the port stays open', async t => {
  const shop = counting['shop.ts']
    .replace('const session', "if (_request.query.get('end')) process.exit(7);\n    const session")
    .replace('show()', 'show(_request: {query: URLSearchParams})')
    .replace("return word + ' '", "return process.pid + ' '");
  const served = new Running(t, ['serve', 'shop.ts', '--workers', '3'], project(t, {...counting, 'shop.ts': shop}));
  const url = await served.url();
  const first = await fetch(url, {headers: {connection: 'close'}});
  const headers = {cookie: first.headers.get('set-cookie')!.split(';')[0]!, connection: 'close'};
  const seen = new Set([await first.text().then(text => text.split(' ')[0])]);
  for (let count = 2; count < 30; count += 1) {
    const [pid, counted] = (await (await fetch(url, {headers})).text()).split(' ');
    t.is(Number(counted), count);
    seen.add(pid);
  }
  t.is(seen.size, 3);
  await t.throwsAsync(fetch(`${url}?end=1`, {headers}));
  await served.prints(/A process ended with exit code 7\. Another one comes in its place\./);
  for (let i = 0; i < 9; i += 1) t.is((await fetch(url, {headers})).status, 200);
  const now = new Set<string>();
  await until(
    async () =>
      now.add((await (await fetch(url, {headers})).text()).split(' ')[0]!).size > 3 ||
      [...now].some(pid => !seen.has(pid)),
  );
  served.child.kill('SIGTERM');
  t.is(await served.ended(), 0);
});

test('--tls, --header and --access-log hold for a folder and for a program, and the options of a program give way', async t => {
  const {key, cert} = await selfSigned();
  for (const path of ['public', 'shop.ts']) {
    const folder = project(t, {...counting, 'public/index.html': 'Home', 'key.pem': key, 'cert.pem': cert});
    const args = [
      '--tls',
      'key.pem,cert.pem',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--header',
      'X-One: 1',
      '--header',
      'Cache-Control: no-store, x=2',
      '--access-log',
      'combined',
    ];
    const served = new Running(t, ['serve', path, ...args], folder);
    const url = await served.url();
    t.regex(url, /^https:\/\/127\.0\.0\.1:/);
    for (const way of ['/', '/none']) {
      const headers = await new Promise<NodeJS.Dict<string | string[]>>(resolve =>
        get(url + way, {rejectUnauthorized: false}, answer => resolve(answer.resume().headers)),
      );
      t.is(headers['x-one'], '1');
    }
    await served.prints(/"GET \/none HTTP\/1\.1" 404/);
  }
});

test('what is wrong with a command line or a program is said, with the exit code that people expect', async t => {
  const folder = project(t, {
    ...counting,
    'bad.ts': `${counting['shop.ts']}\nthrow new Error('No database.');`,
    'worse.ts': `const a = ;`,
  });
  const cases: [string[], number, RegExp][] = [
    [['serve', 'nowhere'], 2, /There is no such file or folder/],
    [['serve', 'shop.ts', '--port', '70000'], 2, /from 0 to 65535/],
    [['serve', 'shop.ts', '--workers', '0'], 2, /from 1 to 999/],
    [['serve', 'shop.ts', '--header', 'none'], 2, /Name: value/],
    [['serve', 'shop.ts', '--access-log', 'xml'], 2, /json or combined/],
    [['serve', 'shop.ts', '--tls', 'a.pem'], 2, /There is no such file/],
    [['serve', 'worse.ts'], 1, /worse\.ts:1:\d+\n> 1 \| const a = ;/],
    [['serve', 'shop.ts', '--tls', 'shop.ts'], 1, /Can't listen|PEM|pem|key/i],
  ];
  for (const [args, expected, form] of cases) {
    const {code, stderr} = await espalier(args, folder);
    t.is(code, expected, args.join(' '));
    t.regex(stderr, form);
  }
});

test('a worker that does not fit stays out, and the others go on as they were', async t => {
  const {served, url} = await serving(t, {'public/a.resource.ts': script(`'a'`)});
  served.write('public/b.resource.ts', 'process.exit(5);');
  await served.prints(/What has changed does not run: it ended with exit code 5\. All stays as it was\./);
  t.is(await (await fetch(`${url}/a`)).text(), 'a');
  served.write('public/b.resource.ts', script(`'b'`));
  t.is(await answers(`${url}/b`, /^b$/), 'b');
  writeFileSync(join(served.folder, 'public/c.txt'), 'c');
  t.is(await (await fetch(`${url}/c.txt`)).text(), 'c');
});

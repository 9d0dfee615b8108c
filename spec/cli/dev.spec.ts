import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {once} from 'node:events';
import {connect} from 'node:net';
import {join} from 'node:path';
import {text as textOf} from 'node:stream/consumers';
import test from 'ava';
import {until} from '../until.ts';
import {project} from './project.ts';
import {answers, counting, Running} from './running.ts';

/** The cookie that an answer sets. */
async function visit(url: string): Promise<string> {
  return (await fetch(url)).headers.get('set-cookie')!.split(';')[0]!;
}

test('dev prints the URLs, runs the program anew when an imported file changes, and keeps its sessions', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const url = await dev.url();
  t.regex(dev.output, new RegExp(`^${url}/ +GET +Shop\n${url}/out +POST +Out\n`, 'm'));
  const headers = {cookie: await visit(url)};
  t.is(await answers(url, /one/, {headers}), 'one 2');
  dev.write('word.ts', `export const word = 'two';`);
  t.regex(await answers(url, /two/, {headers}), /^two \d+$/);
  await dev.prints(/word\.ts changed\.[^]*Listening on \S+ again after \d+ ms/);
  dev.write('word.ts', `export const word = 'three';`);
  const [, count] = /three (\d+)/.exec(await answers(url, /three/, {headers}))!;
  t.true(Number(count) > 3, 'it goes on counting');
});

test('requests that come while the program starts anew wait for it, and none fails', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const url = await dev.url();
  const failures: unknown[] = [];
  let answered = 0;
  const asked = {isOver: false};
  const ask = async () => {
    while (!asked.isOver) {
      try {
        const answer = await fetch(url);
        answered += 1;
        const text = await answer.text();
        if (answer.status !== 200) failures.push(text);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const asking = [ask(), ask(), ask(), ask()];
  for (const word of ['two', 'three', 'four']) {
    dev.write('word.ts', `export const word = '${word}';`);
    await answers(url, new RegExp(word));
  }
  asked.isOver = true;
  await Promise.all(asking);
  t.deepEqual(failures, []);
  t.true(answered > 4);
});

test('a connection that was opened ahead of any request outlives a change, and is answered by the new program', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const url = new URL(await dev.url());
  const socket = connect(Number(url.port), url.hostname);
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  dev.write('word.ts', `export const word = 'two';`);
  await answers(url.href, /two/);
  socket.write(`GET / HTTP/1.1\r\nHost: ${url.host}\r\nConnection: close\r\n\r\n`);
  t.regex(await textOf(socket), /two 1$/);
});

test('the end of a session is told once, in whichever process it was begun', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const url = await dev.url();
  const headers = {cookie: await visit(url)};
  dev.write('word.ts', `export const word = 'two';`);
  await answers(url, /two/);
  t.is(await (await fetch(`${url}/out`, {method: 'POST', headers})).text(), 'bye');
  await dev.prints(/It ended\./);
  dev.write('word.ts', `export const word = 'three';`);
  await answers(url, /three/);
  t.is(dev.output.split('It ended.').length, 2);
});

test('what does not compile is told in the terminal and on the page, with file, line and the lines around it, until it is mended', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const url = await dev.url();
  dev.write('word.ts', `export const other = 1;\nexport const word = 'two\n`);
  const page = await answers(url, /does not run/);
  for (const part of [/word\.ts:2:\d+/, /&gt; 2 \| export const word/]) t.regex(page, part);
  t.regex(
    dev.output,
    /Unterminated string literal\nword\.ts:2:\d+\n {2}1 \| .*\n> 2 \| export const word = 'two\n +\| +\^/,
  );
  t.is((await fetch(url)).status, 500);
  const waiting = fetch(url, {method: 'HEAD', headers: {'Espalier-Dev': 'wait'}});
  t.is((await fetch(url)).status, 500, 'it is there by now');
  dev.write('word.ts', `export const word = 'mended';`);
  t.is((await waiting).status, 204, 'the page learns that something has changed');
  t.regex(await answers(url, /mended/), /^mended/);
});

test('what a site refuses at boot, a file that is missing, and a program that ends are told too, from the first start on', async t => {
  const cases: [string, string, RegExp][] = [
    ['@Post()', '@Post() @Post()', /Out has two methods for POST[^]*\[VERB_TAKEN\][^]*shop\.ts:\d+/],
    [
      '@Resource()\n@Child',
      '@Child',
      /Shop is in the tree but has no @Resource\(\)[^]*shop\.ts:\d+:\d+[^]*> \d+ \| await serve\(Shop/,
    ],
    ['./word.ts', './wrod.ts', /Cannot find module '.*wrod\.ts'[^]*shop\.ts:3:\d+/],
    ['await serve', 'process.exit(3); await serve', /The program ended with exit code 3\./],
    [
      'await serve',
      'setTimeout(() => { throw new Error("later"); }); await serve',
      /The program ended with exit code 1|later/,
    ],
  ];
  for (const [text, wrong, told] of cases) {
    const shop = counting['shop.ts'].replace('await serve(Shop, {port: 0})', 'await serve(Shop)').replace(text, wrong);
    const folder = project(t, {...counting, 'shop.ts': shop});
    const dev = new Running(t, ['dev', 'shop.ts', '--port', '0'], folder);
    const url = await dev.prints(/The error is shown on (\S+)/).catch(() => '');
    t.regex(dev.output, told);
    if (url) t.regex(await answers(url, /does not run/), /This page comes back by itself/);
    if (wrong === './wrod.ts') writeFileSync(join(folder, 'wrod.ts'), counting['word.ts']);
    else dev.write('shop.ts', shop.replace(wrong, text));
    const again = await dev.url();
    t.regex(await answers(again, /one/), /^one 1$/);
    dev.child.kill('SIGINT');
    t.is(await dev.ended(), 130);
  }
});

test('a program that brings a store of its own keeps it', async t => {
  const shop = counting['shop.ts']
    .replace('import {', `import {MemoryStore} from 'espalier/store/memory';\nimport {ContainerModule, SessionStore, `)
    .replace(
      '{port: 0}',
      '{port: 0, modules: [new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(new MemoryStore()))]}',
    );
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, {...counting, 'shop.ts': shop}));
  const url = await dev.url();
  const headers = {cookie: await visit(url)};
  dev.write('word.ts', `export const word = 'two';`);
  t.is(await answers(url, /two/, {headers}), 'two 1');
});

test('a folder that goes and comes back, as when another branch is checked out, is seen', async t => {
  const files = {
    ...counting,
    'shop.ts': counting['shop.ts'].replace('./word', './words/word'),
    'words/word.ts': counting['word.ts'],
  };
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, files));
  const url = await dev.url();
  renameSync(join(dev.folder, 'words'), join(dev.folder, 'away'));
  await answers(url, /does not run/);
  mkdirSync(join(dev.folder, 'words'));
  writeFileSync(join(dev.folder, 'words/word.ts'), `export const word = 'back';`);
  await answers(url, /^back/);
  dev.write('words/word.ts', `export const word = 'again';`);
  t.regex(await answers(url, /^again/), /again/);
  rmSync(join(dev.folder, 'away'), {recursive: true});
});

test('a program that is in a loop is told of, and ends when a file changes', async t => {
  const loop = counting['shop.ts'].replace('const session =', 'while (word === "one") {}\n    const session =');
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, {...counting, 'shop.ts': loop}));
  const url = await dev.url();
  const stuck = fetch(url).catch(() => undefined);
  await dev.prints(/The program has answered nothing for 5 seconds: it may be in a loop that does not end\./);
  dev.write('word.ts', `export const word = 'two';`);
  t.regex(await answers(url, /two/), /^two/);
  await stuck;
});

test('--port, --host and --https say where to listen, whatever the program says', async t => {
  const dev = new Running(t, ['dev', 'shop.ts', '--host', '127.0.0.1', '--port', '0', '--https'], project(t, counting));
  const url = await dev.url();
  t.regex(url, /^https:\/\/127\.0\.0\.1:\d+$/);
  const {get} = await import('node:https');
  const status = await new Promise(resolve =>
    get(url, {rejectUnauthorized: false}, answer => resolve(answer.statusCode)),
  );
  t.is(status, 200);
});

test('--open shows the site in a browser, once', async t => {
  const folder = project(t, counting);
  const opened = join(folder, 'opened');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/xdg-open'), `#!/bin/sh\necho "$1" >> ${opened}\n`, {mode: 0o755});
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`;
  const dev = new Running(t, ['dev', 'shop.ts', '--open'], folder, {PATH});
  const url = await dev.url();
  await until(() => existsSync(opened));
  dev.write('word.ts', `export const word = 'two';`);
  await answers(url, /two/);
  t.is(readFileSync(opened, 'utf8'), `${url}\n`);
});

test('Ctrl-C ends the program with the command, and so does the end of the command', async t => {
  if (!existsSync('/proc')) {
    t.pass('Only Linux tells of all processes.');
    return;
  }
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
    await dev.url();
    dev.child.kill(signal);
    t.is(await dev.ended(), signal === 'SIGINT' ? 130 : signal);
    await until(() => !readdirSync('/proc').some(pid => commandOf(pid).includes(dev.folder)));
  }
  t.pass();
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

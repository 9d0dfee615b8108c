// Runs the programs of examples/mounting in a folder of their own, with the packed tarball and the real frameworks, and holds
// what docs/mounting.md says of them.
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {pack} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-mounting-'));
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});

function install() {
  const tarball = pack(folder);
  for (const from of ['.ci/mounting', 'examples/mounting']) cpSync(from, folder, {recursive: true});
  cpSync('examples/mounting.ts', join(folder, 'express.ts'));
  const program = readFileSync(join(folder, 'express.ts'), 'utf8');
  writeFileSync(join(folder, 'express.ts'), program.replace('./mounting/', './'));
  for (const name of ['express', 'fastify', 'nest', 'nest-fastify']) setBefore(name, "app.use('/shop'", onNode);
  setBefore('hono', "app.mount('/shop'", onHono);
  setBefore('koa', 'app.use(async (context, next) => {\n  const {url', inKoaToo);
  addToShop();
  const settings = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  settings.dependencies.espalier = `file:${tarball}`;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(settings));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {cwd: folder});
}

const onNode = `app.use((request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse, next: () => void) => {
  if (request.url?.includes('locked')) {
    response.statusCode = 401;
    response.end('Outside');
    return;
  }
  response.appendHeader('Set-Cookie', 'language=en');
  response.setHeader('Vary', 'Accept-Language');
  next();
});
`;
// Of what is set before, Hono keeps nothing for a Response that it is given.
const onHono = `app.use(async (context, next) => {
  if (context.req.query('locked') !== undefined) return context.text('Outside', 401);
  await next();
  context.header('Set-Cookie', 'language=en', {append: true});
  context.header('Vary', 'Accept-Language', {append: true});
});
`;

const inKoaToo = `app.use(async (context, next) => {
  if (!('locked' in context.query)) return next();
  context.status = 401;
  context.body = 'Outside';
});
`;

/** Give the site a guard of its own, and a page that says where it is mounted. */
function addToShop() {
  const file = join(folder, 'shop.ts');
  const shop = readFileSync(file, 'utf8')
    .replace('import {Child, Get,', 'import {Child, Use, createError, type Middleware, Get,')
    .replace('export const site = createSite(Shop);', guardedShop);
  writeFileSync(file, shop);
}

const guardedShop = `class Closed implements Middleware {
  handle(): never {
    throw createError(403, 'Inside');
  }
}

@Resource()
@Use(Closed)
class Secret {}

@Resource()
class Where {
  @Get()
  show({mountPath, url}: Request) {
    return \`\${mountPath} \${url}\`;
  }
}

@Resource()
@Child('closed', Secret)
@Child('where', Where)
class Whole extends Shop {}

export const site = createSite(Whole);
`;

/** Have the framework set a cookie and Vary before a program mounts the site. */
function setBefore(name, mount, statement) {
  const file = join(folder, `${name}.ts`);
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replace(mount, () => statement + mount),
  );
}

async function freePort() {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const {port} = server.address();
  server.close();
  return port;
}

/** Run a program, hold what it does, and end it as an operator would. */
async function hold(name, claims) {
  const PORT = String(await freePort());
  const stdio = ['ignore', 'pipe', 'inherit'];
  const child = spawn(process.execPath, ['--import', 'tsx', `${name}.ts`], {
    cwd: folder,
    env: {...process.env, PORT},
    stdio,
  });
  try {
    await Promise.race([once(createInterface(child.stdout), 'line'), once(child, 'exit')]);
    await claims((path, init) => fetch(new URL(path, `http://localhost:${PORT}`), {redirect: 'manual', ...init}), PORT);
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.kill('SIGTERM');
    const [, signal] = await once(child, 'exit');
    clearTimeout(timer);
    assert.notEqual(signal, 'SIGKILL', 'It does not end.');
    console.log(`${name}: as its page says`);
  } finally {
    child.kill('SIGKILL');
  }
}

async function mounted(ask) {
  assert.equal(await (await ask('/')).text(), 'Home');
  const first = await ask('/shop');
  assert.equal(await first.text(), '[]');
  const [cookie] = first.headers
    .getSetCookie()
    .find(text => text.startsWith('sid='))
    .split(';');
  const added = await ask('/shop/articles', {
    method: 'POST',
    headers: {cookie, 'Content-Type': 'application/json'},
    body: '"a spade"',
  });
  assert.equal(added.status, 303);
  const next = await ask(new URL(added.headers.get('location'), added.url), {headers: {cookie}});
  assert.equal(await next.text(), JSON.stringify(['"a spade"']));
  const [inside, outside] = [await ask('/shop/nowhere'), await ask('/nowhere')];
  assert.equal(`${inside.status} ${inside.headers.get('content-type')}`, '404 application/problem+json');
  assert.equal(outside.status, 404);
  assert.notEqual(outside.headers.get('content-type'), 'application/problem+json');
}

/** Guards of both sides hold, and the site knows where it is. */
async function guarded(ask, mountPath) {
  assert.equal(await (await ask('/shop/where?a=%2F')).text(), `${mountPath} /where?a=%2F`);
  for (const path of ['/shop/closed', '/shop/closed/', '/shop/closed/below', '/shop/%63losed']) {
    const inside = await ask(path);
    assert.equal(`${inside.status} ${(await inside.json()).detail}`, '403 Inside', path);
  }
  for (const path of ['/shop?locked', '/shop/where?locked', '/shop/closed?locked']) {
    const outside = await ask(path);
    assert.equal(`${outside.status} ${await outside.text()}`, '401 Outside', path);
  }
  for (const path of ['/shop//closed', '/shop/./closed']) {
    assert.ok((await ask(path)).status >= 400, path);
  }
}

/** What the framework has set stays, on a page and on an error. */
const keeping = mountPath => async ask => {
  await mounted(ask);
  await guarded(ask, mountPath);
  for (const [path, status, own] of [
    ['/shop', 200, 'Cookie'],
    ['/shop/nowhere', 404, 'Accept'],
  ]) {
    const {status: got, headers} = await ask(path);
    assert.equal(got, status);
    assert.ok(
      headers.getSetCookie().some(cookie => cookie.startsWith('language=en')),
      'The cookie is lost.',
    );
    const vary = headers.get('vary').split(/, */);
    for (const name of ['Accept-Language', own]) assert.ok(vary.includes(name), `Vary lacks ${name}: ${vary}`);
  }
};

/** As the others, by Koa's own calls. */
async function inKoa(ask) {
  await mounted(ask);
  await guarded(ask, '/shop');
  for (const [path, status, vary] of [
    ['/shop?x', 200, 'Accept-Language, Cookie'],
    ['/shop/nowhere', 404, 'Accept-Language, Accept'],
  ]) {
    const {status: got, headers} = await ask(path);
    assert.equal(got, status);
    assert.equal(headers.get('vary'), vary);
    assert.ok(headers.getSetCookie().includes('language=en; path=/; httponly'));
  }
  assert.equal(await (await ask('/shopping')).text(), 'Not Found');
}

async function beside(ask) {
  assert.equal(await (await ask('/old')).text(), 'As ever');
  assert.equal(await (await ask('/')).text(), '[]');
  const nowhere = await ask('/nowhere');
  assert.equal(`${nowhere.status} ${nowhere.headers.get('content-type')}`, '404 application/problem+json');
}

async function below(ask) {
  assert.equal(await (await ask('/')).text(), 'Home');
  assert.deepEqual(await (await ask('/api/articles/a%2Fb?x')).json(), {name: 'a/b'});
  const headers = {'Content-Type': 'application/json'};
  const added = await ask('/api/articles', {method: 'POST', headers, body: '{"name":"a spade"}'});
  assert.equal(added.status, 201);
  assert.deepEqual(await added.json(), {name: 'a spade'});
  assert.equal((await ask('/api/nowhere')).status, 404);
  const head = await ask('/api/articles/x', {method: 'HEAD'});
  assert.equal(`${head.status} ${await head.text()}`, '200 ');
  for (const method of ['DELETE', 'PROPFIND']) {
    assert.equal(await (await ask('/api/method', {method})).text(), method);
  }
  assert.match(await (await ask('/api/visitor')).text(), /^(?:::1|127\.0\.0\.1|::ffff:127\.0\.0\.1)$/);
  assert.equal(await (await ask('/api/stream')).text(), 'one two');
}

async function websocket(ask, port) {
  const {WebSocket} = await import(join(folder, 'node_modules/ws/wrapper.mjs'));
  const page = await ask('/');
  const [cookie] = page.headers.getSetCookie()[0].split(';');
  const socket = new WebSocket(`ws://localhost:${port}`, {headers: {cookie}});
  const [line] = await once(socket, 'message');
  assert.equal(String(line), `You are ${await page.text()}.`);
  await ask('/', {method: 'DELETE', headers: {cookie}});
  await once(socket, 'close');
  const [, refusal] = await once(new WebSocket(`ws://localhost:${port}`), 'unexpected-response');
  assert.equal(refusal.statusCode, 401);
}

try {
  install();
  run('npx', ['tsc', '-p', '.'], {cwd: folder, stdio: 'inherit'});
  for (const name of ['express', 'fastify', 'nest', 'nest-fastify']) await hold(name, keeping('/shop'));
  await hold('hono', keeping(''));
  await hold('koa', inKoa);
  await hold('beside', beside);
  await hold('below', below);
  await hold('websocket', websocket);
} finally {
  rmSync(folder, {recursive: true});
}

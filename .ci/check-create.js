// Makes a site of each template from the packed packages, installs it, and runs its own commands.
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {chromium} from 'playwright-core';
import {pack, packAsItIs} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-create-'));
// So that another user may run what is made, as in a container.
chmodSync(folder, 0o755);
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});

/** A site that runs as in its image: what was built, where nothing can be written but the folder data, by nobody who could. */
class Running {
  output = '';
  #child;
  #more = Promise.withResolvers();

  constructor(site, env) {
    const data = join(site, 'data');
    mkdirSync(data, {recursive: true});
    const isRoot = process.getuid?.() === 0;
    const nobody = isRoot ? {uid: 65_534, gid: 65_534} : {};
    if (isRoot) chownSync(data, nobody.uid, nobody.gid);
    this.#child = spawn(process.execPath, ['dist/src/main.js'], {
      cwd: site,
      env: {PATH: process.env.PATH, PORT: '0', ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
      ...nobody,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on('data', text => this.#add(String(text)));
    this.#child.once('exit', code => this.#add(`It has ended with code ${code}.\n`));
  }

  #add(text) {
    this.output += text;
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }

  /** Waits until it has printed this; gives the first group. */
  async prints(pattern) {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found) return found[1];
      if (this.output.includes('It has ended')) throw new Error(this.output);
      await this.#more.promise;
    }
  }

  url() {
    return this.prints(/Listening on (\S+)/);
  }

  async end() {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }
}

async function running(site, env, act) {
  const program = new Running(site, env);
  try {
    return await act(program, await program.url());
  } finally {
    await program.end();
  }
}

function check(template, {espalier, create}) {
  const site = join(folder, template);
  run('node', [create, template, '--template', template, '--espalier', `file:${espalier}`], {cwd: folder});
  run('npm', ['install', ...quiet], {cwd: site});
  const begun = performance.now();
  for (const command of ['test', 'run check', 'run build']) run('npm', command.split(' '), {cwd: site});
  console.log(
    `${template}: its specs, its check and its build pass, after ${Math.round((performance.now() - begun) / 1000)} s`,
  );
  assert.ok(!existsSync(join(site, 'data')), 'What looks at a site makes no database.');
  const written = [join(site, 'src'), join(site, 'spec')];
  const settings = ['--config', resolve('.prettierrc.json'), '--log-level', 'warn'];
  run(resolve('node_modules/.bin/prettier'), ['--check', ...settings, ...written]);
  return site;
}

const expected = {minimal: /Visit 1/, site: /guestbook/, api: /"docs":"\/docs"/, auth: /Sign in/};

const production = {NODE_ENV: 'production'};

const statusOf = async (_program, url) => (await fetch(url)).status;
const said = program => program.output;

/** Over plain HTTP there are sessions where the environment asks for them, and nowhere else. */
async function checkPlainHttp(site) {
  assert.equal(await running(site, production, statusOf), 403);
  assert.equal(await running(site, {...production, INSECURE_HTTP: 'yes'}, statusOf), 200);
}

/** Mails are printed while somebody develops, and nowhere else. */
async function checkMails(site) {
  const noMail = /^No mail can be sent, so nobody can sign up: bind a Mailer of your own in src\/main\.ts\.$/m;
  assert.match(await running(site, production, said), noMail);
  assert.match(await running(site, {ORIGIN: 'https://shop.example'}, said), noMail);
  assert.doesNotMatch(await running(site, {}, said), noMail);
  assert.ok(existsSync(join(site, 'data/accounts.db')));
}

async function freePort() {
  const server = createServer().listen(0, 'localhost');
  await once(server, 'listening');
  const {port} = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];

/** In a browser, with a key that it holds: somebody signs up, adds a passkey, and signs in with it. */
async function checkPasskeys(site) {
  if (!existsSync(executablePath)) return console.log('Passkeys were left out: there is no Chromium.');
  const browser = await chromium.launch({
    executablePath,
    args: [...args, '--disable-component-update', '--disable-sync'],
  });
  try {
    await running(site, {PORT: await freePort()}, async (program, url) => {
      const page = await browser.newPage();
      const devTools = await page.context().newCDPSession(page);
      await devTools.send('WebAuthn.enable');
      const key = {protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true};
      const options = {...key, isUserVerified: true, automaticPresenceSimulation: true};
      await devTools.send('WebAuthn.addVirtualAuthenticator', {options});
      const press = name => page.getByRole('button', {name}).click();
      await page.goto(`${url}/sign-up`);
      await page.getByLabel('E-mail').fill('ada@example.org');
      await press('Send me a link');
      await page.goto(await program.prints(/^(http\S+\/link\/\S+)/m));
      await page.getByLabel('Password').fill('countess of lovelace');
      await press('Set it');
      await page.getByText('ada@example.org').waitFor();
      await press('Add a passkey');
      await page.getByText(/^Added \d{4}-/).waitFor();
      await page.locator('form[action="/sign-out"] button').click();
      await page.waitForURL(`${url}/`);
      await page.goto(`${url}/sign-in`);
      await press('Use a passkey');
      await page.waitForURL(`${url}/account`);
      assert.match(await page.locator('main').innerText(), /ada@example\.org/);
    });
  } finally {
    await browser.close();
  }
  console.log('auth: somebody has signed in by a passkey in a browser');
}

try {
  const espalier = pack(folder);
  run('npm', ['install', '--prefix', folder, ...quiet, packAsItIs('./create', folder)]);
  const create = join(folder, 'node_modules/create-espalier/index.js');
  for (const [template, text] of Object.entries(expected)) {
    const site = check(template, {espalier, create});
    assert.match(await running(site, {}, async (_program, url) => (await fetch(url)).text()), text);
    if (template === 'minimal') await checkPlainHttp(site);
    if (template !== 'auth') continue;
    await checkMails(site);
    await checkPasskeys(site);
  }
} finally {
  rmSync(folder, {recursive: true, force: true});
}

import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {get as getPlain} from 'node:http';
import {get as getSecure} from 'node:https';
import {createServer, type AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {Child, Get, Resource, SessionService, createSite, inject, type SiteOptions} from 'espalier';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

// The proxies are real: what they send on by themselves is what these specs are about.

@Resource()
class Aside {
  @Get()
  show() {
    return 'no session here';
  }
}

@Resource()
@Child('aside', Aside)
class Page {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

/** A program that passes on what comes to two ports, one of them over TLS. */
interface Proxy {
  /** Where the program is, or nothing. */
  readonly program: string | undefined;
  /** Passes on what comes, and does nothing else. */
  readonly asItComes: (port: number) => string;
  /** The language of the block on the page that says how to set it up. */
  readonly block: string;
  /** Writes what it needs into a folder, and gives the arguments that it is started with. */
  readonly prepare: (folder: string, ports: {plain: number; secure: number}, rules: string) => string[];
}

function programOf(variable: string, name: string): string | undefined {
  const candidates = [process.env[variable], `/usr/sbin/${name}`, name];
  return candidates.find(program => program !== undefined && spawnSync(program, ['-v']).status === 0);
}

const nginx: Proxy = {
  program: programOf('NGINX', 'nginx'),
  asItComes: port => `location / { proxy_pass http://localhost:${port}; }`,
  block: 'nginx',
  prepare(folder, {plain, secure}, rules) {
    const kept = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http {
  access_log off; ${kept.map(name => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${plain}; listen 127.0.0.1:${secure} ssl;
    ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
    ${rules}
  }
}`,
    );
    return ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log')];
  },
};

const apacheModules = globSync('/usr/lib/{apache2,httpd}/modules').concat(globSync('/usr/lib64/httpd/modules'))[0];

const apache: Proxy = {
  program: apacheModules && programOf('APACHE', 'apache2'),
  asItComes: port => `ProxyPass / http://localhost:${port}/`,
  block: 'apache',
  prepare(folder, {plain, secure}, rules) {
    const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers', 'ssl'];
    // As root it would have others do the work, who are none of the system's users otherwise.
    const user = process.getuid?.() === 0 ? 'User nobody\nGroup nogroup' : '';
    writeFileSync(
      join(folder, 'apache.conf'),
      `ServerRoot ${folder}
ServerName localhost
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
${modules.map(name => `LoadModule ${name}_module ${apacheModules!}/mod_${name}.so`).join('\n')}
${user}
Listen 127.0.0.1:${plain}
Listen 127.0.0.1:${secure}
<VirtualHost *:${plain}>
${rules}
</VirtualHost>
<VirtualHost *:${secure}>
SSLEngine on
SSLCertificateFile ${folder}/cert.pem
SSLCertificateKeyFile ${folder}/key.pem
${rules}
</VirtualHost>`,
    );
    return ['-f', join(folder, 'apache.conf'), '-DFOREGROUND'];
  },
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a visitor of shop.example.com gets. */
async function visit(url: string) {
  const options = {headers: {host: 'shop.example.com'}, rejectUnauthorized: false, agent: false};
  const request = url.startsWith('https:') ? getSecure(url, options) : getPlain(url, options);
  const [response] = await once(request, 'response');
  response.resume();
  const [cookie = 'no cookie'] = (response.headers['set-cookie'] ?? []) as string[];
  return {status: response.statusCode as number, cookie: cookie.replace(/=.*/, '')};
}

/** A site behind a proxy, until the test ends; gives the urls at which its visitors find it. */
async function behind(t: ExecutionContext, proxy: Proxy, rulesFor: Proxy['asItComes'], options?: SiteOptions) {
  const site = createSite(Page, options);
  t.teardown(() => site.close());
  const port = Number(new URL(await site.listen({port: 0})).port);
  const ports = {plain: await freePort(), secure: await freePort()};
  const folder = mkdtempSync(join(tmpdir(), 'espalier-proxy-'));
  const {key, cert} = await selfSigned();
  writeFileSync(join(folder, 'key.pem'), key);
  writeFileSync(join(folder, 'cert.pem'), cert);
  mkdirSync(join(folder, 'logs'));
  const child = spawn(proxy.program!, proxy.prepare(folder, ports, rulesFor(port)), {stdio: 'ignore'});
  const stop = () => child.kill('SIGTERM');
  process.once('exit', stop);
  t.teardown(async () => {
    process.off('exit', stop);
    await ended(child);
    rmSync(folder, {recursive: true, force: true});
  });
  const urls = {http: `http://127.0.0.1:${ports.plain}/`, https: `https://127.0.0.1:${ports.secure}/`};
  await until(async () => (await visit(`${urls.https}aside`)).status === 200, `${proxy.program} answers`);
  return urls;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** The block of the page that says how to set up a proxy, for a site at another port. */
function asDocsSay({block}: Proxy): Proxy['asItComes'] {
  const page = readFileSync(join('docs', 'running-on-many-machines.md'), 'utf8');
  const [, rules] = new RegExp(`^\`\`\`${block}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)!;
  return port => rules!.replaceAll(':8080', `:${port}`);
}

for (const [name, proxy] of Object.entries({nginx, Apache: apache})) {
  if (proxy.program === undefined) {
    test(`the specs with ${name} were left out: install it, or say in ${name.toUpperCase()} where it is`, t =>
      t.pass());
  }
  const testHere = proxy.program === undefined ? test.skip : test;

  testHere(
    `S11: behind ${name} as it comes nobody gets a session, over http and https alike, and all else is there`,
    async t => {
      const urls = await behind(t, proxy, proxy.asItComes);
      for (const url of Object.values(urls)) {
        t.deepEqual(await visit(url), {status: 403, cookie: 'no cookie'}, url);
        t.is((await visit(`${url}aside`)).status, 200);
      }
    },
  );

  testHere(
    `S12: behind ${name} set up as docs say there are sessions over https, with a cookie for that alone, and none over http`,
    async t => {
      const urls = await behind(t, proxy, asDocsSay(proxy), {trustProxy: 'loopback'});
      t.deepEqual(await visit(urls.https), {status: 200, cookie: '__Host-Http-sid'});
      t.deepEqual(await visit(urls.http), {status: 403, cookie: 'no cookie'});
    },
  );
}

import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {createInterface} from 'node:readline';
import anyTest, {type ExecutionContext} from 'ava';
import {chromium, type BrowserContext, type Page} from 'playwright-core';
import {Child, Get, Post, Resource, SessionService, createSite, html, inject} from 'espalier';
import {selfSigned} from './certificate.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
const test = hasChromium ? anyTest : anyTest.skip;

if (!hasChromium) {
  anyTest('the browser specs were left out: install Chromium, or say in CHROMIUM where it is', t => t.pass());
}

const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
const alone = ['--no-sandbox', '--disable-component-update', '--disable-sync'];

/** A browser with a fresh profile, which ends with the test. */
async function browse(t: ExecutionContext): Promise<{context: BrowserContext; page: Page}> {
  const browser = await chromium.launch({executablePath, args: [...quiet, ...alone]});
  t.teardown(() => browser.close());
  const context = await browser.newContext({ignoreHTTPSErrors: true});
  return {context, page: await context.newPage()};
}

test('the seed in a browser: the id stays over a reload, and is a new one after /expire', async t => {
  const program = new URL('../examples/session-basics.js', import.meta.url).pathname;
  const child = spawn(process.execPath, [program], {env: {...process.env, PORT: '0'}});
  t.teardown(() => child.kill());
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const url = line.replace('Listening on ', '');
  const {page} = await browse(t);
  const shown = async () => page.locator('body').innerText();

  await page.goto(url);
  const first = await shown();
  t.regex(first, /^Your session id is: [\w-]{43}$/);
  await page.reload();
  t.is(await shown(), first);
  await page.goto(`${url}/expire`);
  t.is(await shown(), 'Your session has been expired.');
  await page.goBack();
  t.regex(await shown(), /^Your session id is: [\w-]{43}$/);
  t.not(await shown(), first);
});

@Resource()
class Leave {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async leave() {
    await this.sessions.expire();
    return html`<p>Bye</p>`;
  }
}

@Resource()
@Child('leave', Leave)
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const {uid} = await this.sessions.getSession();
    return html`<p id="uid">${uid}</p>
      <form method="post" action="/leave"><button>Leave</button></form>`;
  }
}

test('over TLS a browser keeps the __Host-Http- cookie away from scripts, and drops it when it is cleared', async t => {
  const site = createSite(Home);
  t.teardown(() => site.close());
  const url = await site.listen({port: 0, tls: await selfSigned()});
  const {context, page} = await browse(t);

  await page.goto(url);
  const uid = await page.locator('#uid').innerText();
  await page.reload();
  t.is(await page.locator('#uid').innerText(), uid);
  t.is(await page.evaluate('document.cookie'), '');
  t.like((await context.cookies())[0], {name: '__Host-Http-sid', httpOnly: true, secure: true, sameSite: 'Lax'});
  await page.getByRole('button').click();
  t.is(await page.locator('body').innerText(), 'Bye');
  t.deepEqual(await context.cookies(), []);
});

test('an error in a browser is a page', async t => {
  const site = createSite(Home);
  t.teardown(() => site.close());
  const url = await site.listen({port: 0});
  const {page} = await browse(t);
  await page.goto(`${url}/nowhere`);
  t.is(await page.locator('h1').innerText(), '404 Not Found');
});

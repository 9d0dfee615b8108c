import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {createInterface} from 'node:readline';
import anyTest, {type ExecutionContext} from 'ava';
import {chromium, type BrowserContext, type Page} from 'playwright-core';
import {
  Child,
  Clock,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  createSite,
  html,
  inject,
  type Request,
  type Response,
  type SessionCookieOptions,
} from 'espalier';
import {TestClock} from 'espalier/testing';
import {selfSigned} from './certificate.ts';
import {until} from './until.ts';

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

@SessionComponent('basket')
class Basket {
  items: string[] = [];
}

/** What is done before a sign-in is answered, from outside. */
let beforeAnswer = async (): Promise<void> => undefined;

@Resource()
class SignIn {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async signIn(_request: Request, response: Response) {
    await this.sessions.signIn('ada');
    await beforeAnswer();
    response.redirect('/');
  }
}

@Resource()
@Child('sign-in', SignIn)
class Shop {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    return html`<p id="who">${session.user ?? 'nobody'}: ${session.get(Basket).items.join(' ')}</p>
      <form method="post" action="/sign-in"><button>Sign in</button></form>`;
  }

  @Post()
  async fill() {
    const session = await this.sessions.getSession();
    await session.update(Basket, basket => basket.items.push('tea'));
    return html`<p>Filled</p>`;
  }
}

/** A shop that listens, by a clock to turn, and a browser that has something in its basket. */
async function shopping(t: ExecutionContext, cookie: SessionCookieOptions = {}) {
  const clock = new TestClock();
  const modules = [new ContainerModule(({bind}) => void bind(Clock).toConstantValue(clock))];
  const site = createSite(Shop, {modules, sessions: {cookie}});
  t.teardown(() => site.close());
  const url = await site.listen({port: 0, host: 'localhost'});
  const {page} = await browse(t);
  await page.goto(url);
  await page.evaluate('fetch("/", {method: "POST"})');
  const who = async () => {
    await page.goto(url);
    return page.locator('#who').innerText();
  };
  t.is(await who(), 'nobody: tea');
  return {clock, url, page, who};
}

test('who clicks twice on "Sign in", so that the first answer never arrives, is signed in for good, with all that was in the session', async t => {
  const {clock, page, who} = await shopping(t);
  const {promise: second, resolve} = Promise.withResolvers<void>();
  let clicks = 0;
  beforeAnswer = async () => {
    clicks += 1;
    // The browser has given up the first request when it sends the second.
    if (clicks === 1) await second;
    else resolve();
  };
  t.teardown(() => (beforeAnswer = async () => undefined));
  await page.evaluate('document.forms[0].submit(); setTimeout(() => document.forms[0].submit(), 300)');
  await until(() => clicks === 2);
  t.is(await who(), 'ada: tea');
  clock.advance(10 * 60_000);
  t.is(await who(), 'ada: tea');
});

@Resource()
class Elsewhere {
  @Get()
  show(request: Request) {
    const action = request.query.get('action');
    return html`<a href="${action}">See</a>
      <form method="post" action="${action}"><button>Win</button></form>`;
  }
}

test('a form that a page of another site posts takes nobody’s session away', async t => {
  const {url, page, who} = await shopping(t);
  const other = createSite(Elsewhere);
  t.teardown(() => other.close());
  const elsewhere = await other.listen({port: 0, host: '127.0.0.1'});
  for (const action of [`${url}/`, `${url}/sign-in`]) {
    await page.goto(`${elsewhere}?action=${encodeURIComponent(action)}`);
    await page.getByRole('button').click();
    await page.waitForURL(action);
    t.regex(await page.locator('body').innerText(), /another site/);
  }
  t.is(await who(), 'nobody: tea');
});

test('where the cookie is SameSite=Strict, a link on a page of another site takes nobody’s session away either', async t => {
  const {url, page, who} = await shopping(t, {name: 'shop', sameSite: 'strict'});
  const other = createSite(Elsewhere);
  t.teardown(() => other.close());
  const elsewhere = await other.listen({port: 0, host: '127.0.0.1'});
  await page.goto(`${elsewhere}?action=${encodeURIComponent(url)}`);
  await page.getByRole('link').click();
  t.is(await page.locator('#who').innerText(), 'nobody:', 'the browser has sent no cookie');
  t.is(await who(), 'nobody: tea');
});

test('where each of two sites on one host is given a name, a browser has a session with each', async t => {
  const [first, second] = [await shopping(t, {name: 'shop'}), await shopping(t, {name: 'desk'})];
  await first.page.goto(second.url);
  t.is(await first.page.locator('#who').innerText(), 'nobody:');
  t.is(await first.who(), 'nobody: tea');
});

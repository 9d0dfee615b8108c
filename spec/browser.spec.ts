import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {createInterface} from 'node:readline';
import anyTest, {type ExecutionContext} from 'ava';
import {chromium, type Browser, type BrowserContext, type Page} from 'playwright-core';
import {
  Child,
  Clock,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  Use,
  createSite,
  html,
  inject,
  type ListenOptions,
  type Request,
  type Response,
  type Site,
  type SiteOptions,
} from 'espalier';
import {cors, openApi, requireSignIn, Socket, sse} from 'espalier/builtin';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {TestClock} from 'espalier/testing';
import {selfSigned} from './certificate.ts';
import {project} from './cli/project.ts';
import {counting, Running} from './cli/running.ts';
import {until} from './until.ts';

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const hasChromium = existsSync(executablePath);
// One after the other: all at once they keep each other waiting for longer than a page may take.
const test = hasChromium ? anyTest.serial : anyTest.skip;

if (!hasChromium) {
  anyTest('the browser specs were left out: install Chromium, or say in CHROMIUM where it is', t => t.pass());
}

const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
const alone = ['--no-sandbox', '--disable-component-update', '--disable-sync'];
/** So there are hosts that are not this machine, as far as the browser can tell. */
const named = ['--host-resolver-rules=MAP *.test 127.0.0.1'];

let launched: Promise<Browser> | undefined;
anyTest.after.always(async () => (await launched)?.close());

/** A browser with a fresh profile, which ends with the test. */
async function browse(t: ExecutionContext): Promise<{context: BrowserContext; page: Page}> {
  launched ??= chromium.launch({executablePath, args: [...quiet, ...alone, ...named]});
  const context = await (await launched).newContext({ignoreHTTPSErrors: true});
  t.teardown(() => context.close());
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

test('in development a browser is shown the mistake, and the site by itself when it is mended, with the session of before', async t => {
  const dev = new Running(t, ['dev', 'shop.ts'], project(t, counting));
  const {page} = await browse(t);
  await page.goto(await dev.url());
  await page.locator('text=one 1').waitFor();
  dev.write('word.ts', `export const word = 'two`);
  await dev.prints(/Unterminated string literal/);
  await page.reload();
  t.is(await page.title(), 'The program does not run');
  t.regex(await page.locator('body').innerText(), /word\.ts:1:\d+\s+> 1 \| export const word = 'two/);
  const refused: string[] = [];
  page.on('console', message => refused.push(message.text()));
  dev.write('word.ts', `export const word = 'two';`);
  await page.locator('text=two 2').waitFor();
  t.deepEqual(
    refused.filter(text => text.includes('Content Security Policy')),
    [],
  );
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

/** Has a site listen on this machine, until the test ends; gives the URL that names it by this host. */
async function listening(t: ExecutionContext, site: Site, host: string, tls?: ListenOptions['tls']): Promise<string> {
  t.teardown(() => site.close());
  const url = new URL(await site.listen({port: 0, host: '127.0.0.1', ...(tls && {tls})}));
  url.hostname = host;
  return url.origin;
}

/** A shop that listens, by a clock to turn, and a browser that has something in its basket. */
async function shopping(
  t: ExecutionContext,
  options: SiteOptions = {},
  host = 'localhost',
  tls?: ListenOptions['tls'],
) {
  const clock = new TestClock();
  const modules = [new ContainerModule(({bind}) => void bind(Clock).toConstantValue(clock))];
  const url = await listening(t, createSite(Shop, {modules, ...options}), host, tls);
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
  // Again after a while, and once more after a longer one: on a slow machine the first may not have been sent by then.
  await page.evaluate(
    'const submit = wait => { document.forms[0].submit(); setTimeout(submit, wait, 5 * wait); }; submit(300)',
  );
  await until(() => clicks >= 2);
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
  const elsewhere = await listening(t, createSite(Elsewhere), '127.0.0.1');
  for (const action of [`${url}/`, `${url}/sign-in`]) {
    await page.goto(`${elsewhere}?action=${encodeURIComponent(action)}`);
    await page.getByRole('button').click();
    await page.waitForURL(action);
    t.regex(await page.locator('body').innerText(), /another site/);
  }
  t.is(await who(), 'nobody: tea');
});

test('where the cookie is SameSite=Strict, a link on a page of another site takes nobody’s session away either', async t => {
  const {url, page, who} = await shopping(t, {sessions: {cookie: {name: 'shop', sameSite: 'strict'}}});
  const elsewhere = await listening(t, createSite(Elsewhere), '127.0.0.1');
  await page.goto(`${elsewhere}?action=${encodeURIComponent(url)}`);
  await page.getByRole('link').click();
  t.is(await page.locator('#who').innerText(), 'nobody:', 'the browser has sent no cookie');
  t.is(await who(), 'nobody: tea');
});

test('where each of two sites on one host is given a name, a browser has a session with each', async t => {
  const [first, second] = [
    await shopping(t, {sessions: {cookie: {name: 'shop'}}}),
    await shopping(t, {sessions: {cookie: {name: 'desk'}}}),
  ];
  await first.page.goto(second.url);
  t.is(await first.page.locator('#who').innerText(), 'nobody:');
  t.is(await first.who(), 'nobody: tea');
});

const otherOrigins = [
  {what: 'another port of localhost', host: 'localhost', from: 'localhost', options: {}},
  // Over plain HTTP browsers say to this machine alone what site a page is of, and to others its origin.
  {what: 'another port over plain HTTP', host: 'shop.test', from: 'shop.test', options: {sessions: {insecure: true}}},
  {
    what: 'another site, where the cookie goes along everywhere',
    host: 'localhost',
    from: '127.0.0.1',
    options: {sessions: {cookie: {name: 'shop', sameSite: 'none'}}},
    isSecure: true,
  },
] as const;

for (const {what, host, from, options, ...over} of otherOrigins) {
  test(`a form that a page of another origin posts with the session’s cookie is refused as forged, and the site’s own form is not: ${what}`, async t => {
    const tls = 'isSecure' in over ? await selfSigned() : undefined;
    const {url, page, who} = await shopping(t, {use: [securityHeaders()], ...options}, host, tls);
    const elsewhere = await listening(t, createSite(Elsewhere), from, tls);
    await page.goto(`${elsewhere}?action=${encodeURIComponent(`${url}/sign-in`)}`);
    await page.getByRole('button').click();
    await page.waitForURL(`${url}/sign-in`);
    t.is(await page.locator('p').innerText(), 'A page of another site has sent this request.');
    t.is(await who(), 'nobody: tea');
    await page.getByRole('button').click();
    await page.waitForURL(`${url}/`);
    t.is(await page.locator('#who').innerText(), 'ada: tea');
  });
}

/** What a script in a page gets of this URL: status and text, or the name of the error. */
function fetched(page: Page, url: string, init: object = {}): Promise<string> {
  const call = `fetch(${JSON.stringify(url)}, ${JSON.stringify({credentials: 'include', ...init})})`;
  return page.evaluate(
    `${call}.then(async answer => answer.status + ' ' + (await answer.text()), error => error.name)`,
  );
}

test('through cors() a page of another origin reads what a visitor’s session answers, and errors, and sends what needs a preflight', async t => {
  const origin = await listening(t, createSite(Elsewhere), 'localhost');
  const use = [securityHeaders(), cors({origins: [origin], credentials: true})];
  const {url, page} = await shopping(t, {use, csrf: {origins: [origin]}});
  await page.goto(origin);
  t.regex(await fetched(page, url), /^200 [^]*nobody: tea</);
  t.regex(await fetched(page, url, {method: 'POST', headers: {'X-Article': 'tea'}}), /^200 [^]*Filled/);
  t.regex(await fetched(page, url), /nobody: tea tea</);
  t.regex(await fetched(page, `${url}/nowhere`), /^404 \{[^]*"title":"Not Found"/);
});

test('without cors() a page of another origin reads nothing, and sends nothing that needs a preflight', async t => {
  const origin = await listening(t, createSite(Elsewhere), 'localhost');
  const {url, page, who} = await shopping(t, {csrf: {origins: [origin]}});
  await page.goto(origin);
  t.is(await fetched(page, url), 'TypeError');
  t.is(await fetched(page, url, {method: 'POST', headers: {'X-Article': 'tea'}}), 'TypeError');
  t.is(await fetched(page, `${url}/nowhere`), 'TypeError');
  t.is(await who(), 'nobody: tea');
});

test('Swagger UI shows the document in a browser, under its policy and without a request to another host', async t => {
  @Resource()
  class Articles {
    @Get()
    list() {
      return {articles: []};
    }
  }
  @Resource()
  @Child('articles', Articles)
  @Child('docs', openApi({info: {title: 'Shop', version: '1'}}))
  class Api {}
  const site = createSite(Api);
  t.teardown(() => site.close());
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  const {page} = await browse(t);
  const hosts = new Set<string>();
  const said: string[] = [];
  page.on('request', request => void (request.url().startsWith('data:') || hosts.add(new URL(request.url()).origin)));
  page.on('console', message => void said.push(message.text()));
  await page.goto(`${url}/docs`);
  await page.getByRole('link', {name: 'Swagger UI'}).click();
  await page.getByText('/articles').click();
  await page.getByRole('button', {name: 'Try it out'}).click();
  await page.getByRole('button', {name: 'Execute'}).click();
  await page.getByText('"articles": []').first().waitFor();
  t.deepEqual([...hosts], [new URL(url).origin]);
  t.deepEqual(
    said.filter(line => /policy|refused/i.test(line) && !line.includes('favicon')),
    [],
  );
});

test('an EventSource comes back after close() to the site that takes over, with the id of its last event, and leaves off at a 204', async t => {
  const asked: (string | undefined)[] = [];
  const ended: string[] = [];
  /** A site that sends what comes after the event that the browser has had, and then waits. */
  const sending = (name: string, last: number) => {
    async function* counts(lastEventId: string | undefined, signal: AbortSignal) {
      asked.push(lastEventId);
      try {
        for (let id = Number(lastEventId ?? 0) + 1; id <= last; id += 1)
          yield {id, retry: 50, data: {text: `${name} ${id}\n`}};
        await once(signal, 'abort');
      } finally {
        ended.push(name);
      }
    }
    @Resource()
    class Events {
      @Get()
      show(request: Request, response: Response) {
        if (request.headers['last-event-id'] === '4') return void (response.status = 204);
        return sse(counts);
      }
    }
    @Resource()
    @Child('events', Events)
    class Talk {
      @Get()
      show() {
        return html`<!doctype html><script>
  window.said = [];
  window.states = [];
  window.source = new EventSource('/events');
  source.onmessage = ({data, lastEventId}) => said.push(JSON.parse(data).text.trim() + '/' + lastEventId);
  source.onopen = () => states.push('open');
  source.onerror = () => states.push(['connecting', 'open', 'closed'][source.readyState]);
</script>`;
      }
    }
    return createSite(Talk);
  };
  const first = sending('first', 2);
  const url = await first.listen({port: 0, host: '127.0.0.1'});
  const {page} = await browse(t);
  await page.goto(url);
  await page.waitForFunction('said.length === 2');
  await first.close();
  t.deepEqual(ended, ['first']);
  const second = sending('second', 4);
  t.teardown(() => second.close());
  await second.listen({port: Number(new URL(url).port), host: '127.0.0.1'});
  await page.waitForFunction('said.length === 4');
  t.deepEqual(await page.evaluate('said'), ['first 1/1', 'first 2/2', 'second 3/3', 'second 4/4']);
  t.deepEqual(asked, [undefined, '2']);
  await second.close();
  const third = sending('third', 9);
  t.teardown(() => third.close());
  await third.listen({port: Number(new URL(url).port), host: '127.0.0.1'});
  await page.waitForFunction('source.readyState === EventSource.CLOSED');
  t.deepEqual(asked, [undefined, '2']);
});

test('an EventSource of a visitor who has signed out ends, and the guard’s 401 has it stay away', async t => {
  const ended: string[] = [];
  @Resource()
  @Use(requireSignIn())
  class Events {
    @Get()
    show() {
      return sse(async function* (_id: string | undefined, signal: AbortSignal) {
        try {
          yield {retry: 50, data: 'hello'};
          await once(signal, 'abort');
        } finally {
          ended.push('ended');
        }
      });
    }
  }
  @Resource()
  @Child('events', Events)
  class Talk {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show() {
      await this.sessions.signIn('ada');
      return html`<!doctype html><script>
  window.said = [];
  window.source = new EventSource('/events');
  source.onmessage = ({data}) => said.push(data);
</script>`;
    }
  }
  const site = createSite(Talk);
  t.teardown(() => site.close());
  const {page} = await browse(t);
  await page.goto(await site.listen({port: 0, host: 'localhost'}));
  await page.waitForFunction('said.length === 1');
  await site.container.get(SessionService).of('ada').expireAll();
  await page.waitForFunction('source.readyState === EventSource.CLOSED');
  t.deepEqual([await page.evaluate('said'), ended], [['hello'], ['ended']]);
});

@Resource()
class SocketTalk {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    await this.sessions.getSession();
    return html`<title>Talk</title>`;
  }
  @Post()
  async leave() {
    await this.sessions.expire();
  }
  @Socket()
  async talk(socket: WebSocket, request: Request) {
    const session = await this.sessions.findSession();
    const whose = `${session === undefined ? 'nobody' : 'somebody'} by ${String(request.headers[':method'] ?? 'GET')}`;
    socket.addEventListener('message', ({data}) => socket.send(`${data} ${whose}`));
  }
}

for (const [over, method] of [
  ['HTTP/1.1', 'GET'],
  ['HTTP/2', 'CONNECT'],
] as const)
  test(`a WebSocket of a browser, over ${over}: it has the session, ends with it, and a page of another origin opens none`, async t => {
    const site = createSite(SocketTalk);
    t.teardown(() => site.close());
    const url = await site.listen({port: 0, host: '127.0.0.1', ...(over === 'HTTP/2' && {tls: await selfSigned()})});
    const {context, page} = await browse(t);
    await page.goto(url);
    const open = (address: string) =>
      new Promise<string[]>(resolve => {
        const heard: string[] = [];
        const socket = new WebSocket(address);
        socket.addEventListener('open', () => socket.send('hello'));
        socket.addEventListener('message', ({data}) => {
          heard.push(String(data));
          void fetch('/', {method: 'POST'});
        });
        socket.addEventListener('close', ({code}) => resolve([...heard, String(code)]));
      });
    t.deepEqual(await page.evaluate(open, url.replace('http', 'ws')), [`hello somebody by ${method}`, '4401']);
    const stranger = await context.newPage();
    await stranger.goto('data:text/html,<title>Stranger</title>');
    t.deepEqual(await stranger.evaluate(open, url.replace('http', 'ws')), ['1006']);
  });

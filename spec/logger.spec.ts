import test from 'ava';
import {ContainerModule, Get, Logger, Resource, SessionService, createSite, inject} from 'espalier';
import {report} from '../src/logger.ts';

@Resource()
class Broken {
  @Get()
  show() {
    throw new Error('the reason');
  }
}

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

const logTo = (logger: Logger) => [
  new ContainerModule(({bind}) => {
    bind(Logger).toConstantValue(logger);
  }),
];

test('a site logs to the logger that is bound', async t => {
  const lines: unknown[][] = [];
  const modules = logTo({error: (...line) => lines.push(line), warn: () => t.fail()});
  await createSite(Broken, {modules}).handle({url: '/'});
  t.is(lines.length, 1);
  t.regex(String(lines[0]![0]), /^GET \/ failed: urn:uuid:[\da-f-]{36}$/);
  t.is(String(lines[0]![1]), 'Error: the reason');
});

test('a line about something that has no error to show ends without an `undefined`', t => {
  const lines: unknown[][] = [];
  report({error: (...line) => lines.push(line), warn: () => t.fail()}, 'The end of a session can’t be read.');
  t.deepEqual(lines, [['The end of a session can’t be read.']]);
});

test('a logger that fails does not fail the answer', async t => {
  const error = () => {
    throw new Error('disk full');
  };
  const site = createSite(Broken, {modules: logTo({error, warn: error})});
  t.is((await site.handle({url: '/'})).status, 500);
});

test('a logger that fails to warn breaks no visit either', async t => {
  const error = () => {
    throw new Error('disk full');
  };
  const options = {modules: logTo({error, warn: error}), sessions: {memoryLimit: 1, insecure: true}};
  const site = createSite(Home, options);
  const headers = {host: 'localhost', 'x-forwarded-proto': 'https'};
  for (let i = 0; i < 3; i += 1) t.is((await site.handle({url: '/', headers})).status, 200);
});

test('a logger whose promise fails does not end the process', async t => {
  const error = (() => Promise.reject(new Error('disk full'))) as () => void;
  const site = createSite(Broken, {modules: logTo({error, warn: error})});
  t.is((await site.handle({url: '/'})).status, 500);
  // A rejection that nobody has heard would fail this file.
  await new Promise(resolve => setImmediate(resolve));
});

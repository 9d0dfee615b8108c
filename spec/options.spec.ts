import test from 'ava';
import {
  Container,
  ContainerModule,
  Request,
  Resource,
  Response,
  SessionComponent,
  SessionService,
  createSite,
  type ListenOptions,
  type SiteOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {PostgresStore} from 'espalier/store/postgres';
import {RedisStore} from 'espalier/store/redis';
import {SqliteStore} from 'espalier/store/sqlite';
import {testSite} from 'espalier/testing';
import {
  checkOptions,
  count,
  delay,
  duration,
  fitting,
  flag,
  kind,
  method,
  objectWith,
  oneOf,
  optionsOf,
  pick,
  positive,
  required,
  secret,
  text,
} from '../src/options.ts';

@Resource()
class Home {}

const color = {
  tone: text,
  password: secret(kind('a text without blanks', value => typeof value === 'string' && !value.includes(' '))),
  mixing: optionsOf<{amount: number}>({amount: positive}),
};
const paint = (options: unknown) => () => checkOptions('paint()', options as object, color);
const refused = (message: string) => ({code: 'OPTION_INVALID', message: `${message} [OPTION_INVALID]`});

test('an option that there is not is refused by its name, with the nearest that there is', t => {
  for (const [name, nearest] of [
    ['Tone', 'tone'],
    ['tnoe', 'tone'],
    ['tones', 'tone'],
    ['pasword', 'password'],
    ['pas_sword', 'password'],
    ['mixng', 'mixing'],
    ['amount', 'mixing.amount'],
    ['cors', undefined],
    ['', undefined],
  ] as const) {
    const wayOut = nearest ? `Did you mean "${nearest}"?` : 'It has tone, password, mixing.';
    t.throws(paint({[name]: 1}), refused(`paint() has no option "${name}". ${wayOut}`));
  }
  t.throws(
    paint({mixing: {amuont: 1, amount: 2}}),
    refused('paint() has no option "mixing.amuont". Did you mean "mixing.amount"?'),
  );
});

test('an option that every object has, like `constructor`, is none that a call has', t => {
  t.throws(paint({constructor: 1}), {code: 'OPTION_INVALID'});
  t.throws(paint(JSON.parse('{"__proto__": {"tone": 1}}')), {code: 'OPTION_INVALID'});
});

test('a value that an option can not have is refused with what it has to be', t => {
  t.throws(paint({tone: ''}), refused('paint(): tone is "". It must be a text that is not empty.'));
  t.throws(paint({tone: 7}), refused('paint(): tone is 7. It must be a text that is not empty.'));
  t.throws(paint({mixing: [1]}), refused('paint(): mixing is an object of class Array. It must be an object.'));
  t.throws(paint({mixing: {amount: -1}}), refused('paint(): mixing.amount is -1. It must be a number above 0.'));
  t.throws(paint({mixing: null}), refused('paint(): mixing is null. It must be an object.'));
});

test('a value that may hold a password is not told', t => {
  t.throws(paint({password: 'a b'}), refused('paint(): password is a string. It must be a text without blanks.'));
});

test('an option that has to be given is missed by its name, and any other may be undefined', t => {
  const fetchFrom = {url: required(text), body: text};
  t.throws(
    () => checkOptions('get()', {}, fetchFrom),
    refused('get(): url is missing. It must be a text that is not empty.'),
  );
  t.notThrows(() => checkOptions('get()', {url: '/', body: undefined}, fetchFrom));
});

test('options that are no object, or an object of something else, are refused', t => {
  for (const [options, name] of [
    [null, 'null'],
    ['red', 'a string'],
    [[], 'an object of class Array'],
    [new Map(), 'an object of class Map'],
    [() => ({}), 'a function'],
  ] as const) {
    t.throws(paint(options), refused(`paint(): its options are ${name}. They must be an object of options.`));
  }
});

test('options may be an instance of a class of the application, with more than is asked for', t => {
  class Settings {
    readonly tone: string = 'red';
    readonly database = 'postgres://';
  }
  t.notThrows(paint(new Settings()));
  t.notThrows(paint(Object.assign(Object.create(null) as object, {tone: 'red'})));
  t.throws(
    paint(Object.assign(new Settings(), {tone: 1})),
    refused('paint(): tone is 1. It must be a text that is not empty.'),
  );
});

test('the kinds of values are what their words say', t => {
  const all = [0, 1, 1.5, -1, NaN, Infinity, 2 ** 31, '', 'a', true, null, {}, [], test, new Date()];
  const ofKind = (one: {fits: (value: unknown) => boolean}) => all.filter(value => one.fits(value));
  t.deepEqual(ofKind(flag), [true]);
  t.deepEqual(ofKind(text), ['a']);
  t.deepEqual(ofKind(positive), [1, 1.5, Infinity, 2 ** 31]);
  t.deepEqual(ofKind(count), [1, Infinity, 2 ** 31]);
  t.deepEqual(ofKind(duration), [1, 1.5, 2 ** 31]);
  t.deepEqual(ofKind(delay), [1, 1.5]);
  t.deepEqual(ofKind(method), [test]);
  t.deepEqual(ofKind(oneOf('a', 'b')), ['a']);
  t.is(oneOf('a', 'b').wanted, '"a" or "b"');
  t.deepEqual(ofKind(objectWith('a Date', 'getTime')), [all.at(-1)]);
});

test('from options of two calls each gets its own', t => {
  t.deepEqual(pick<{tone?: string}>({tone: 'red', size: 1} as object, {tone: text}), {tone: 'red'});
});

const refusing: Record<string, [call: () => unknown, message: RegExp][]> = {
  'createSite()': [
    [
      () => createSite(Home, {trustproxy: 'loopback'} as SiteOptions),
      /no option "trustproxy"\. Did you mean "trustProxy"\?/,
    ],
    [() => createSite(Home, {session: {}} as SiteOptions), /no option "session"\. Did you mean "sessions"\?/],
    [
      () => createSite(Home, {sessions: {idleTimout: 1}} as SiteOptions),
      /no option "sessions\.idleTimout"\. Did you mean "sessions\.idleTimeout"\?/,
    ],
    [
      () => createSite(Home, {sessions: {absolutetimeout: 1}} as SiteOptions),
      /no option "sessions\.absolutetimeout"\. Did you mean "sessions\.absoluteTimeout"\?/,
    ],
    [() => createSite(Home, {port: 3000} as SiteOptions), /no option "port"\. It has container, modules, /],
    [
      () => createSite(Home, {modules: {}} as SiteOptions),
      /modules is an object of class Object\. It must be an array of/,
    ],
    [
      () => createSite(Home, {modules: new ContainerModule(() => {})} as never),
      /modules is an object of class ContainerModule/,
    ],
    [() => createSite(Home, {modules: [{}]} as never), /modules is an object of class Array\. It must be an array of/],
    [
      () => createSite(Home, {container: {}} as SiteOptions),
      /container is an object of class Object\. It must be a Container/,
    ],
    [() => createSite(Home, new Container() as SiteOptions), /its options are an object of class Container/],
  ],
  'testSite()': [
    [() => testSite(Home, {bodylimit: 1} as SiteOptions), /no option "bodylimit"\. Did you mean "bodyLimit"\?/],
    [() => testSite(Home, {container: {}} as SiteOptions), /container is an object of class Object/],
    [() => testSite(Home, {modules: {}} as SiteOptions), /modules is an object of class Object/],
  ],
  'listen()': [
    [() => createSite(Home).listen({Port: 1} as ListenOptions), /no option "Port"\. Did you mean "port"\?/],
    [() => createSite(Home).listen({port: 99_999}), /port is 99999\. It must be a whole number from 0 to 65535\./],
    [() => createSite(Home).listen({port: '80'} as never), /port is "80"\./],
    [() => createSite(Home).listen({host: ''}), /host is ""\./],
    [() => createSite(Home).listen({tls: {}} as never), /tls\.key is missing\. It must be PEM/],
    [
      () => createSite(Home).listen({tls: {key: 'k', crt: 'c'}} as never),
      /no option "tls\.crt"\. Did you mean "tls\.cert"\?/,
    ],
  ],
  '@Resource()': [
    [() => Resource({leef: true} as never), /no option "leef"\. Did you mean "leaf"\?/],
    [() => Resource({leaf: 'yes'} as never), /leaf is "yes"\. It must be true or false\./],
  ],
  '@SessionComponent("cart")': [
    [() => SessionComponent('cart', {versions: 1} as never), /no option "versions"\. Did you mean "version"\?/],
    [() => SessionComponent('cart', {migrate: true} as never), /migrate is true\. It must be a function\./],
    [
      () => SessionComponent('cart', {schema: {}} as never),
      /schema is an object of class Object\. It must be a schema/,
    ],
  ],
  'requireSignIn()': [
    [() => requireSignIn({witin: 1} as never), /no option "witin"\. Did you mean "within"\?/],
    [() => requireSignIn({within: '5m'} as never), /within is "5m"\. It must be a number of milliseconds/],
  ],
  'A request': [
    [() => Request.from({uri: '/'} as never), /no option "uri"\. Did you mean "url"\?/],
    [() => createSite(Home).handle({methd: 'GET'} as never), /no option "methd"\. Did you mean "method"\?/],
  ],
  'The reading of a body': [
    [() => Request.from({}).bytes({limt: 1} as never), /no option "limt"\. Did you mean "limit"\?/],
    [() => Request.from({}).json({limit: '1mb'} as never), /limit is "1mb"\. It must be a number of bytes/],
  ],
  'setCookie()': [
    [
      () => new Response().setCookie('a', 'b', {httponly: false} as never),
      /no option "httponly"\. Did you mean "httpOnly"\?/,
    ],
    [() => new Response().clearCookie('a', {domian: 'x'} as never), /no option "domian"\. Did you mean "domain"\?/],
    [() => new Response().setCookie('a', 'b', {secure: 'no'} as never), /secure is "no"\. It must be true or false\./],
  ],
  MemoryStore: [
    [() => new MemoryStore({limt: 1} as never), /no option "limt"\. Did you mean "limit"\?/],
    [() => new MemoryStore({limit: 0}), /limit is 0\. It must be a whole number, 1 or more\./],
    [() => new MemoryStore({logger: {}} as never), /logger is an object of class Object\. It must be a Logger\./],
  ],
  SqliteStore: [
    [
      () => new SqliteStore({path: '/tmp/x', durabilty: 'power'} as never),
      /no option "durabilty"\. Did you mean "durability"\?/,
    ],
    [() => new SqliteStore('/tmp/x' as never), /its options are a string\./],
  ],
  RedisStore: [
    [() => new RedisStore({uri: 'redis://elsewhere'} as never), /no option "uri"\. Did you mean "url"\?/],
    [() => new RedisStore({url: 'http://u:secret@host'}), /url is a string\. It must be a redis: or rediss: url\./],
    [() => new RedisStore({client: {}} as never), /client is an object of class Object\. It must be a client/],
  ],
  PostgresStore: [
    [() => new PostgresStore({ulr: 'postgres://host/db'} as never), /no option "ulr"\. Did you mean "url"\?/],
    [() => new PostgresStore({url: 'http://u:secret@host'}), /url is a string\. It must be of the form postgres:/],
    [() => new PostgresStore({pool: {}} as never), /pool is an object of class Object\. It must be a Pool/],
  ],
  'A visitor': [
    [
      () =>
        testSite(Home)
          .visitor()
          .post('/', {jsno: {}} as never),
      /no option "jsno"\. Did you mean "json"\?/,
    ],
  ],
};

/** As a handler would. */
async function requireSignIn(options: {within?: number}): Promise<unknown> {
  return createSite(Home).container.get(SessionService).requireSignIn(options, Request.from({}));
}

for (const [call, cases] of Object.entries(refusing)) {
  test(`${call} refuses an option that it does not have, and a value of another shape`, async t => {
    for (const [act, message] of cases) {
      const error = await t.throwsAsync(async () => act(), {code: 'OPTION_INVALID', message});
      t.true(error?.message.startsWith(call), error?.message);
    }
  });
}

test('all that is wrong is told to who asks for all, in the words of the one that would be thrown', t => {
  const told: string[] = [];
  const kinds = {name: text, sessions: optionsOf<{idle: number}>({idle: count})};
  const given: Record<'name' | 'sessions', unknown> = {nmae: 'a', name: 7, sessions: {idel: 1, idle: 'x'}} as never;
  checkOptions('call()', given, kinds, ({message}) => told.push(message));
  t.deepEqual(told, [
    'call() has no option "nmae". Did you mean "name"? [OPTION_INVALID]',
    'call(): name is 7. It must be a text that is not empty. [OPTION_INVALID]',
    'call() has no option "sessions.idel". Did you mean "sessions.idle"? [OPTION_INVALID]',
    'call(): sessions.idle is "x". It must be a whole number, 1 or more. [OPTION_INVALID]',
  ]);
  t.deepEqual(fitting(given, kinds), {sessions: {idel: 1, idle: 'x'}} as unknown as typeof given);
});

import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import {parse as parseQuery} from 'node:querystring';
import test from 'ava';
import {Get, Request, Resource, Response, createError, html} from 'espalier';
import {testSite} from 'espalier/testing';
import {render} from '../../src/resource/render.ts';

/** A site whose root answers GET with what `make` gives. */
function giving(make: (response: Response) => unknown) {
  @Resource()
  class Page {
    @Get()
    give(_request: Request, response: Response) {
      return make(response);
    }
  }
  return testSite(Page);
}

/** The answer to GET. */
const answer = (make: (response: Response) => unknown) => giving(make).visitor().get('/');

async function* generated() {
  yield 'a ';
  yield 'stream';
}

/** Something that can be awaited but is no promise. */
const thenable = (value: unknown) => ({
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  then: (resolve: (value: unknown) => void) => resolve(value),
});

const bytes = new TextEncoder().encode('bytes');

/** Everything a handler can return: what it is, how it is made, and the status, type and text it is answered with. */
const kinds: [kind: string, make: () => unknown, status: number, type: string | null, text: string][] = [
  ['a string', () => 'a <b>', 200, 'text/plain; charset=utf-8', 'a <b>'],
  ['an empty string', () => '', 200, 'text/plain; charset=utf-8', ''],
  ['html`…`', () => html`<p>${'<b>'}</p>`, 200, 'text/html; charset=utf-8', '<p>&lt;b&gt;</p>'],
  ['a plain object', () => ({a: [1, null]}), 200, 'application/json', '{"a":[1,null]}'],
  ['an object without prototype', () => Object.assign(Object.create(null), {a: 1}), 200, 'application/json', '{"a":1}'],
  ['what a parser of queries gives', () => parseQuery('a=1'), 200, 'application/json', '{"a":"1"}'],
  ['an array', () => [1, 'b'], 200, 'application/json', '[1,"b"]'],
  ['a Uint8Array', () => bytes, 200, 'application/octet-stream', 'bytes'],
  ['a part of a buffer', () => bytes.subarray(1, 3), 200, 'application/octet-stream', 'yt'],
  ['a Buffer', () => Buffer.from('bytes'), 200, 'application/octet-stream', 'bytes'],
  ['a Node stream of text', () => Readable.from(['a ', 'stream']), 200, 'text/plain; charset=utf-8', 'a stream'],
  ['a Node stream of bytes', () => Readable.from([bytes, bytes]), 200, 'application/octet-stream', 'bytesbytes'],
  ['a web stream', () => new Blob(['a ', 'stream']).stream(), 200, 'application/octet-stream', 'a stream'],
  ['an async generator', generated, 200, 'text/plain; charset=utf-8', 'a stream'],
  [
    'an object literal that is an async iterable',
    () => ({[Symbol.asyncIterator]: generated}),
    200,
    'text/plain; charset=utf-8',
    'a stream',
  ],
  ['a stream of nothing', () => Readable.from([]), 200, 'application/octet-stream', ''],
  [
    'a WHATWG Response',
    () => new globalThis.Response('tea', {status: 418, headers: {'Content-Type': 'text/tea'}}),
    418,
    'text/tea',
    'tea',
  ],
  ['a WHATWG Response without a body', () => new globalThis.Response(null, {status: 202}), 202, null, ''],
  ['nothing', () => undefined, 204, null, ''],
];

for (const [kind, make, status, type, text] of kinds) {
  const promised = type === null ? `${status} without a type` : `${status} ${type}`;

  test(`${kind} is answered as ${promised}, returned, promised or in any thenable`, async t => {
    for (const wrap of [make, async () => make(), () => thenable(make())]) {
      const response = await answer(wrap);
      t.deepEqual([response.status, response.headers.get('Content-Type'), await response.text()], [status, type, text]);
    }
  });
}

class Account {
  readonly password = 'hunter2';
}
const circular: Record<string, unknown> = {password: 'hunter2'};
circular.self = circular;

const returns = 'Return a string, html`…`, a plain object or array, bytes, a stream, a Response, or nothing.';

const holds =
  'JSON can not say what it holds. Return a plain object or a list in its place, or give its class a toJSON().';

/** What a handler can't return: what it is, how it is made, and what the log says of it. */
const refused: [kind: string, make: () => unknown, complaint: string][] = [
  ['a number', () => 4711, `returned a number. ${returns}`],
  ['zero', () => 0, `returned a number. ${returns}`],
  ['true', () => true, `returned a boolean. ${returns}`],
  ['false', () => false, `returned a boolean. ${returns}`],
  ['null', () => null, `returned null. ${returns}`],
  ['a BigInt', () => 4711n, `returned a bigint. ${returns}`],
  ['a symbol', () => Symbol('hunter2'), `returned a symbol. ${returns}`],
  ['a function', () => () => 'hunter2', `returned a function. ${returns}`],
  ['a Date', () => new Date(0), `returned an object of class Date. ${returns}`],
  ['a Map', () => new Map([['password', 'hunter2']]), `returned an object of class Map. ${returns}`],
  ['an instance of a class', () => new Account(), `returned an object of class Account. ${returns}`],
  ['an error', () => new Error('hunter2'), `returned an object of class Error. ${returns}`],
  ['a String object', () => Object('hunter2'), `returned an object of class String. ${returns}`],
  ['a synchronous generator', () => ['hunter2'].values(), `returned an object of class Iterator. ${returns}`],
  ['a BigInt inside an object', () => ({password: 4711n}), `returned an object with a bigint at /password. ${holds}`],
  ['a Map inside a list', () => [{a: new Map([['password', 1]])}], `returned a list with a Map at /0/a. ${holds}`],
  ['a promise inside an object', () => ({a: Promise.resolve(1)}), `returned an object with a Promise at /a. ${holds}`],
  ['a circular object', () => circular, "returned an object that JSON can't express."],
];

for (const [kind, make, complaint] of refused) {
  test(`${kind} is a 500 whose log line names the method, and the client learns nothing of it`, async t => {
    const {visitor, log} = giving(make);
    const response = await visitor().get('/');
    const {instance} = (await response.clone().json()) as {instance: string};
    t.is(response.status, 500);
    t.deepEqual(await response.json(), {type: 'about:blank', title: 'Internal Server Error', status: 500, instance});
    t.is(log.length, 1);
    t.is(log[0]!.message, `GET / failed: ${instance}`);
    t.like(log[0]!.error, {code: 'RESULT_UNSUPPORTED', message: `Page.give() ${complaint} [RESULT_UNSUPPORTED]`});
  });
}

test('what is refused is refused when it is promised, too', async t => {
  const {visitor, log} = giving(async () => 4711);
  t.is((await visitor().get('/')).status, 500);
  t.like(log[0]!.error, {message: `Page.give() returned a number. ${returns} [RESULT_UNSUPPORTED]`});
});

test('the reason why JSON fails is the cause of the error', async t => {
  const error = t.throws(() => render(circular, Request.from({}), new Response()), {code: 'RESULT_UNSUPPORTED'});
  t.true(error.cause instanceof TypeError);
});

test('a status set by the handler is kept', async t => {
  for (const make of [() => 'made', () => ({a: 1}), () => bytes, generated, () => undefined]) {
    const response = await answer(ours => {
      ours.status = 201;
      return make();
    });
    t.is(response.status, 201);
  }
});

test('a type set by the handler is kept, for every kind of body', async t => {
  for (const make of [() => 'a', () => html`a`, () => ({}), () => [], () => bytes, generated]) {
    const response = await answer(ours => {
      ours.setHeader('content-type', 'text/special');
      return make();
    });
    t.is(response.headers.get('Content-Type'), 'text/special');
  }
});

test('a handler that returns nothing can still set a status and headers', async t => {
  const response = await answer(ours => ours.redirect('/elsewhere'));
  t.deepEqual([response.status, response.headers.get('Location')], [303, '/elsewhere']);
});

test('a WHATWG Response wins over the status and the headers set before', async t => {
  const response = await answer(ours => {
    ours.status = 404;
    ours.setHeader('X-Who', 'handler');
    ours.setHeader('X-Kept', 'yes');
    return new globalThis.Response('x', {headers: {'X-Who': 'web'}});
  });
  t.deepEqual([response.status, response.headers.get('X-Who'), response.headers.get('X-Kept')], [200, 'web', 'yes']);
});

test('every cookie of a WHATWG Response is sent, beside those the handler set', async t => {
  const response = await answer(ours => {
    ours.setCookie('a', '1');
    const headers = new Headers();
    headers.append('Set-Cookie', 'b=2; Expires=Fri, 01 Jan 2038 00:00:00 GMT');
    headers.append('Set-Cookie', 'c=3');
    return new globalThis.Response('x', {headers});
  });
  t.deepEqual(response.headers.getSetCookie(), [
    'a=1; Path=/; HttpOnly; SameSite=Lax',
    'b=2; Expires=Fri, 01 Jan 2038 00:00:00 GMT',
    'c=3',
  ]);
});

test('a WHATWG Response that was already read is a 500', async t => {
  const {visitor, log} = giving(async () => {
    const web = new globalThis.Response('x');
    await web.text();
    return web;
  });
  t.is((await visitor().get('/')).status, 500);
  const complaint = `returned a Response whose body has a reader already. ${returns}`;
  t.like(log[0]!.error, {message: `Page.give() ${complaint} [RESULT_UNSUPPORTED]`});
});

test('the Response of another site is sent once', async t => {
  const given = await giving(() => 'x').site.handle({});
  const {visitor, log} = giving(() => given);
  t.is(await (await visitor().get('/')).text(), 'x');
  t.is((await visitor().get('/')).status, 500);
  const complaint = `returned a Response that has been sent before. ${returns}`;
  t.like(log[0]!.error, {message: `Page.give() ${complaint} [RESULT_UNSUPPORTED]`});
});

test('the Response that a handler was given is no result', async t => {
  const {visitor, log} = giving(response => response);
  t.is((await visitor().get('/')).status, 500);
  const complaint = `returned the Response that it was given. ${returns}`;
  t.like(log[0]!.error, {message: `Page.give() ${complaint} [RESULT_UNSUPPORTED]`});
});

test('a stream that fails before its first chunk is answered as that failure', async t => {
  const response = await answer(async function* () {
    yield* [];
    throw createError(409, 'Not now.');
  });
  t.is(response.status, 409);
  t.like(await response.json(), {detail: 'Not now.'});
});

test('HEAD of a stream has the type that GET has, by its first chunk; the stream then gives back what it holds', async t => {
  let given = 0;
  async function* endlessText() {
    try {
      while (true) yield 'text';
    } finally {
      given += 1;
    }
  }
  for (const make of [
    endlessText,
    () => Readable.from([bytes]),
    () => new globalThis.Response(new Blob(['a']).stream()),
  ]) {
    const [got, headed] = [await giving(make).visitor().fetch('/', {}), await giving(make).visitor().head('/')];
    t.is(headed.headers.get('Content-Type'), got.headers.get('Content-Type'));
    await got.body?.cancel();
  }
  t.is(given, 2);
});

test('cookies can be handed to the visitor as they are: they are a plain object', async t => {
  @Resource()
  class Jar {
    @Get()
    show(request: Request) {
      return request.cookies;
    }
  }
  const answered = await testSite(Jar)
    .visitor()
    .get('/', {headers: {Cookie: 'a=1; b=%C3%A9'}});
  t.deepEqual(await answered.json(), {a: '1', b: 'é'});
});

for (const status of [204, 205, 304]) {
  test(`a ${status} has no type, for it has no body`, async t => {
    for (const make of [() => '', () => ({}), () => generated()]) {
      const response = await answer(ours => {
        ours.status = status;
        return make();
      });
      t.deepEqual([response.status, response.headers.get('Content-Type')], [status, null]);
    }
  });
}

test('a stream whose type is known is not read for HEAD, and gives back what it holds', async t => {
  const node = Readable.from(['a']);
  let cancelled = 0;
  const web = () => new ReadableStream({cancel: () => void (cancelled += 1)});
  for (const make of [() => node, web, () => new globalThis.Response(web())]) {
    const typed = (response: Response) => {
      response.setHeader('Content-Type', 'text/a');
      return make();
    };
    const response = await giving(typed).visitor().head('/');
    t.deepEqual([response.status, await response.text()], [200, '']);
  }
  t.true(node.destroyed);
  t.is(cancelled, 2);
});

test('the method that is named in the log is that of the class in the tree', async t => {
  class Base {
    @Get()
    show() {
      return 1 as unknown;
    }
  }
  @Resource()
  class Sub extends Base {}
  const {visitor, log} = testSite(Sub);
  await visitor().get('/');
  t.like(log[0]!.error, {message: `Sub.show() returned a number. ${returns} [RESULT_UNSUPPORTED]`});
});

test('a web response whose stream fails before its first chunk is a 500', async t => {
  const failing = () => new globalThis.Response(new ReadableStream({pull: () => Promise.reject(new Error('early'))}));
  const {visitor, log} = giving(failing);
  t.is((await visitor().get('/')).status, 500);
  t.is(String(log[0]!.error), 'Error: early');
});

test('an object that JSON leaves out altogether is a 500', async t => {
  const {visitor, log} = giving(() => ({toJSON: () => undefined}));
  t.is((await visitor().get('/')).status, 500);
  t.like(log[0]!.error, {message: "Page.give() returned an object that JSON can't express. [RESULT_UNSUPPORTED]"});
});

test('a Response that stands for a network error is a 500 that names the method', async t => {
  const {visitor, log} = giving(() => globalThis.Response.error());
  t.is((await visitor().get('/')).status, 500);
  t.regex(String(log[0]!.error), /Page\.give\(\) returned a Response that stands for a network error/);
});

test('bytes that were transferred elsewhere are a 500 whose log line names the method', async t => {
  const given = new Uint8Array(8);
  structuredClone(given, {transfer: [given.buffer]});
  const {site, log} = giving(() => given);
  t.is((await site.handle({})).status, 500);
  t.regex(String(log[0]?.error), /Page\.give\(\) returned bytes that were transferred elsewhere/);
});

test('HEAD of a stream that never gives back what it holds is answered all the same', async t => {
  const make = () =>
    new ReadableStream({
      start: controller => controller.enqueue('first'),
      cancel: () => new Promise(() => undefined),
    });
  t.is((await giving(make).site.handle({method: 'HEAD'})).status, 200);
});

test('HEAD of a file that can’t be opened is answered as GET is, and leaves the process alive', async t => {
  const {site} = giving(() => createReadStream('there is no such file'));
  for (const method of ['HEAD', 'GET']) t.is((await site.handle({method})).status, 500);
  // An error that nobody has heard would fail this file.
  await new Promise(resolve => setTimeout(resolve, 50));
});

const onceOnly: Record<string, () => unknown> = {
  'a Response': () => new globalThis.Response('once'),
  'a Node stream': () => Readable.from(['once']),
  'a web stream': () => new Blob(['once']).stream(),
  'an async generator': generated,
};
for (const [what, make] of Object.entries(onceOnly)) {
  for (const method of ['GET', 'HEAD']) {
    test(`${what} that is returned a second time, after a ${method}, is a 500 that says so, not an empty answer`, async t => {
      const result = make();
      const {site, log} = giving(() => result);
      const visitor = async (init?: RequestInit) => {
        const given = await site.fetch(new globalThis.Request('http://localhost/', init));
        await given.arrayBuffer();
        return given.status;
      };
      t.is(await visitor({method}), 200);
      t.is(await visitor(), 500);
      t.regex(
        String(log[0]?.error),
        /Page\.give\(\) returned a (?:Response|stream).* before\. .*\[RESULT_UNSUPPORTED\]$/,
      );
    });
  }
}

test('what makes an iterator anew each time can be returned each time', async t => {
  const source = {[Symbol.asyncIterator]: generated};
  const {site} = giving(() => source);
  for (const _ of [1, 2])
    t.is(await (await site.fetch(new globalThis.Request('http://localhost/'))).text(), 'a stream');
});

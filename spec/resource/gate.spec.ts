import {createReadStream} from 'node:fs';
import {Readable} from 'node:stream';
import {setTimeout} from 'node:timers/promises';
import test from 'ava';
import {Child, createError, Get, Resource, Use, type Next, type Request, type Response} from 'espalier';
import {testSite} from 'espalier/testing';
import {listening} from '../http/raw-socket.ts';
import {marking, acting, behind, textOf, Trail} from './on-the-way.ts';

test('a guard on a class that methods make comes before the method is called', async t => {
  const made: string[] = [];
  @Use(
    acting((request, _response, next) => {
      if (request.params['name'] === 'mine') return next();
      throw createError(403, 'No.');
    }),
  )
  @Resource()
  class Record extends Trail {}
  @Resource()
  class Root {
    @Child(':name', Record)
    async find(name: string) {
      made.push(name);
      return name === 'mine' ? new Record() : undefined;
    }
  }
  const {site} = testSite(Root);
  t.is((await site.handle({url: '/another'})).status, 403);
  t.deepEqual(made, []);
  t.is((await site.handle({url: '/mine'})).status, 200);
  t.deepEqual(made, ['mine']);
});

test('what a middleware returns is answered in place of what the handler returned', async t => {
  const answer = await behind(acting(async (_request, _response, next) => ({was: await next()})))
    .visitor()
    .get('/');
  t.is(await answer.text(), '{"was":"shown"}');
  t.is(answer.headers.get('content-type'), 'application/json');
  t.is(answer.headers.get('x-shown'), 'yes');
});

for (const [how, act] of Object.entries<(request: Request, response: Response, next: Next) => unknown>({
  'awaits next()': async (_request, _response, next) => void (await next()),
  'calls next() and waits for nothing': (_request, _response, next) => void next(),
})) {
  test(`where a middleware ${how} and returns nothing, the answer is the handler's`, async t => {
    const {visitor} = behind(acting(act));
    t.is(await textOf(visitor().get('/')), 'shown');
    t.is((await visitor().post('/')).status, 409);
  });
}

test('without a call of next() the handler is not called', async t => {
  const answer = await behind(acting(() => 'instead'))
    .visitor()
    .get('/');
  t.is(await answer.text(), 'instead');
  t.is(answer.headers.get('x-shown'), null);
  const elsewhere = behind(acting((_request, response) => response.redirect('/sign-in')));
  const {status, headers} = await elsewhere.site.fetch(
    new globalThis.Request('http://localhost/', {redirect: 'manual'}),
  );
  t.is(status, 303);
  t.is(headers.get('location'), '/sign-in');
});

test('a middleware that calls next() twice is a 500 that names it, whatever it returns', async t => {
  for (const act of [
    async (_request: Request, _response: Response, next: Next) => {
      await next();
      return next();
    },
    (_request: Request, _response: Response, next: Next) => {
      void next();
      void next();
      return 'fine';
    },
  ]) {
    const {visitor, log} = behind(acting(act));
    t.is((await visitor().get('/')).status, 500);
    t.like(log[0]!.error, {
      code: 'NEXT_TWICE',
      message: 'Acting.handle() called next() a second time. Keep its first result. [NEXT_TWICE]',
    });
  }
});

test('a call of next() that comes after the answer reaches no handler, and is told in the log', async t => {
  const late = Promise.withResolvers<Next>();
  const {visitor, log} = behind(
    acting((_request, _response, next) => {
      late.resolve(next);
      return 'early';
    }),
  );
  const answer = await visitor().get('/');
  t.is(await answer.text(), 'early');
  t.is(answer.headers.get('x-shown'), null);
  await t.throwsAsync((await late.promise)(), {code: 'NEXT_TWICE', message: /after it was done/});
  t.like(log, [{level: 'error', error: {code: 'NEXT_TWICE'}}]);
});

test('a handler that fails after a middleware has answered in its place is told in the log', async t => {
  const failed = Promise.withResolvers<never>();
  @Use(acting((_request, _response, next) => Promise.race([next(), Promise.resolve('in time')])))
  @Resource()
  class Root {
    @Get()
    wait() {
      return failed.promise;
    }
  }
  const {visitor, log} = testSite(Root);
  t.is(await textOf(visitor().get('/')), 'in time');
  failed.reject(new Error('too late'));
  await t.throwsAsync(failed.promise);
  await Promise.resolve();
  t.like(log, [{level: 'error', error: {message: 'too late'}}]);
});

test('a middleware can answer an error, whose status and headers the response has by then', async t => {
  const statuses: number[] = [];
  const {visitor, log} = behind(
    acting(async (_request, response, next) => {
      try {
        return await next();
      } catch (error) {
        statuses.push(response.status);
        return {sorry: (error as Error).message};
      }
    }),
  );
  const answer = await visitor().post('/');
  t.is(answer.status, 409);
  t.is(await answer.text(), '{"sorry":"Not twice."}');
  t.is(answer.headers.get('retry-after'), '7');
  t.is(answer.headers.get('content-type'), 'application/json');
  t.is((await visitor().get('/none')).status, 404);
  t.deepEqual(statuses, [409, 404]);
  t.deepEqual(log, []);
});

test('what a middleware has set stays on an error answer, but what describes a body', async t => {
  const {visitor} = behind(
    acting((_request, response, next) => {
      response.setHeader('Access-Control-Allow-Origin', '*');
      response.setHeader('Content-Security-Policy', "default-src 'self'");
      response.setHeader('ETag', '"1"');
      response.setHeader('Cache-Control', 'max-age=9');
      response.setCookie('seen', 'yes');
      return next();
    }),
  );
  for (const [path, status] of [
    ['/', 409],
    ['/none', 404],
  ] as const) {
    const answer = await visitor().post(path);
    t.is(answer.status, status);
    t.is(answer.headers.get('access-control-allow-origin'), '*');
    t.is(answer.headers.get('content-security-policy'), "default-src 'self'");
    t.regex(answer.headers.get('set-cookie')!, /^seen=yes/);
    t.is(answer.headers.get('etag'), null);
    t.is(answer.headers.get('cache-control'), null);
  }
});

test('what a middleware returns is held to what can be sent, by its name', async t => {
  const {visitor, log} = behind(acting(() => 5));
  t.is((await visitor().get('/')).status, 500);
  t.regex((log[0]!.error as Error).message, /^Acting\.handle\(\) returned a number\./);
});

test('where a handler gave what can not be sent, the handler is named, whatever middleware it went through', async t => {
  @Use(marking('a'))
  @Resource()
  class Root {
    @Get()
    show(): string {
      return new Map() as unknown as string;
    }
  }
  const {visitor, log} = testSite(Root);
  t.is((await visitor().get('/')).status, 500);
  t.regex((log[0]!.error as Error).message, /^Root\.show\(\) returned an object of class Map\./);
});

test('a path of 1,000 segments with a middleware on each is answered, and one of 1,001 is a 414', async t => {
  for (const act of [
    (_request: Request, _response: Response, next: Next) => next(),
    async (_request: Request, _response: Response, next: Next) => {
      const result = await next();
      return result;
    },
  ]) {
    @Use(acting(act))
    @Resource()
    class Deep extends Trail {
      @Child(':any', () => Deep)
      make() {
        return new Deep();
      }
    }
    const {site} = testSite(Deep);
    t.is((await site.handle({url: '/a'.repeat(1000)})).status, 200);
    t.is((await site.handle({url: '/a'.repeat(1001)})).status, 414);
  }
});

test('a middleware that catches an error may answer with a redirect alone', async t => {
  const {site} = behind(
    acting(async (_request, response, next) => {
      try {
        return await next();
      } catch {
        return response.redirect('/sorry');
      }
    }),
  );
  const response = await site.handle({method: 'POST'});
  t.is(response.status, 303);
  t.is(response.header('Location'), '/sorry');
  t.is(response.body, undefined);
});

test('an error that a middleware answers is told in the log where the answer is a 500, and not where it is another', async t => {
  @Use(
    acting(async (request, response, next) => {
      try {
        return await next();
      } catch {
        if (request.query.has('known')) response.status = 409;
        return 'sorry';
      }
    }),
  )
  @Resource()
  class Root {
    @Get()
    show(): string {
      throw new Error('The disk is full.');
    }
  }
  const {visitor, log} = testSite(Root, {use: [acting(async (_request, _response, next) => next())]});
  t.is((await visitor().get('/?known')).status, 409);
  t.deepEqual(log, []);
  const answer = await visitor().get('/');
  t.is(answer.status, 500);
  t.is(await answer.text(), 'sorry');
  t.is(log.length, 1);
  t.like(log[0], {level: 'error', error: {message: 'The disk is full.'}});
});

test('a middleware that forgets next() is told in the log once, by name, and one that answers is not', async t => {
  const {visitor, log} = behind(acting(() => undefined));
  t.is((await visitor().get('/')).status, 204);
  await visitor().get('/');
  t.deepEqual(
    log.map(({message}) => message),
    [
      'Acting.handle() returned nothing to GET, and did not call next(). Return what next() gives, or an answer. Where there is none, set response.status = 204.',
    ],
  );
  for (const act of [
    (_request: unknown, response: Response) => response.redirect('/'),
    (_request: unknown, response: Response) => void (response.status = 204),
    (_request: unknown, response: Response) => response.setHeader('X-A', 'b'),
  ]) {
    const answering = behind(acting(act));
    await answering.visitor().get('/');
    t.deepEqual(answering.log, []);
  }
});

/** A stream that tells whether it was given back. */
function held(): {stream: Readable; isGivenBack: Promise<void>} {
  const stream = new Readable({read: () => undefined});
  return {stream, isGivenBack: new Promise<void>(resolve => void stream.once('close', resolve))};
}

test('a stream that fails while a middleware holds it is a 500, and the process lives', async t => {
  @Use(
    acting(async (_request, _response, next) => {
      const result = await next();
      await setTimeout(50);
      return result;
    }),
  )
  @Resource()
  class Root {
    @Get()
    show() {
      return createReadStream('/nowhere/at/all');
    }
  }
  const {visitor, log} = testSite(Root);
  t.is((await visitor().get('/')).status, 500);
  t.like(log[0]!.error, {code: 'ENOENT'});
});

for (const [how, act] of Object.entries<(request: Request, response: Response, next: Next) => unknown>({
  'answers otherwise': async (_request, _response, next) => {
    await next();
    return 'otherwise';
  },
  'fails after it': async (_request, _response, next) => {
    await next();
    throw createError(403);
  },
  'has answered before': (_request, _response, next) => Promise.race([next(), Promise.resolve('before')]),
})) {
  test(`a stream that is not answered with gives back what it holds, where a middleware ${how}`, async t => {
    const {stream, isGivenBack} = held();
    @Use(acting(act))
    @Resource()
    class Root {
      @Get()
      async show() {
        await setTimeout(5);
        return stream;
      }
    }
    await testSite(Root).visitor().get('/');
    await isGivenBack;
    t.true(stream.destroyed);
  });
}

test('a middleware may make another stream of the one from behind', async t => {
  @Use(
    acting(async (_request, _response, next) => {
      const source = (await next()) as AsyncIterable<string>;
      return (async function* () {
        for await (const chunk of source) yield chunk.toUpperCase();
      })();
    }),
  )
  @Resource()
  class Root {
    @Get()
    show() {
      return Readable.from(['a', 'b']);
    }
  }
  t.is(await textOf(testSite(Root).visitor().get('/')), 'AB');
});

for (const [how, instead] of Object.entries<() => unknown>({
  'a Response': () => new globalThis.Response('instead'),
  'another stream': () => Readable.from(['instead']),
})) {
  test(`a stream that ${how} took the place of gives back what it holds when that has gone out`, async t => {
    const {stream, isGivenBack} = held();
    @Use(
      acting(async (_request, _response, next) => {
        await next();
        return instead();
      }),
    )
    @Resource()
    class Root {
      @Get()
      show() {
        return stream;
      }
    }
    const {site} = testSite(Root);
    t.is(await (await fetch(await listening(t, site))).text(), 'instead');
    await isGivenBack;
    t.true(stream.destroyed);
  });
}

test('what fails behind a middleware that has answered changes nothing in its answer', async t => {
  const failed = Promise.withResolvers<never>();
  @Use(acting((_request, _response, next) => Promise.race([next(), Promise.resolve('in time')])))
  @Resource()
  class Root {
    @Get()
    @Use(acting(async (_request, _response, next) => next()))
    wait() {
      return failed.promise;
    }
  }
  const {site, log} = testSite(Root);
  const response = await site.handle({});
  failed.reject(createError(422, 'too late'));
  await setTimeout(5);
  t.is(response.status, 200);
  t.is(response.body, 'in time');
  t.is(response.header('Content-Type'), 'text/plain; charset=utf-8');
  t.true(log.length > 0);
});

import test from 'ava';
import {createError, Get, Resource, type Middleware, type Next, type Request, type Response, Use} from 'espalier';
import {testSite} from 'espalier/testing';
import {acting} from './on-the-way.ts';
import {Answer, OpenAnswer} from '../../src/resource/answer.ts';

class Greeting extends Answer {
  open(request: Request) {
    if (request.query.has('fail')) throw createError(418, 'No coffee.');
    return new OpenGreeting(`Hello, ${request.query.get('name')}`);
  }
}

class OpenGreeting extends OpenAnswer {
  constructor(private readonly text: string) {
    super();
  }
  async write(_request: Request, response: Response) {
    response.setHeader('X-Greeting', 'yes');
    return this.text;
  }
}

class Watch implements Middleware {
  static seen: unknown[] = [];
  async handle(_request: Request, _response: Response, next: Next) {
    try {
      const given = await next();
      Watch.seen.push(given);
      return given;
    } catch (error) {
      Watch.seen.push((error as Error).message);
      return 'mended';
    }
  }
}

@Resource()
class Plain {
  @Get()
  greet() {
    return new Greeting();
  }
}

@Resource()
@Use(Watch)
class Watched extends Plain {}

test('an answer that a handler returns is made with the request and the response', async t => {
  const answer = await testSite(Plain).visitor().get('/?name=Ada');
  t.is(answer.headers.get('x-greeting'), 'yes');
  t.is(await answer.text(), 'Hello, Ada');
  t.is((await testSite(Plain).visitor().get('/?fail')).status, 418);
});

test('a middleware can return what has been opened behind it, and sees what can’t be', async t => {
  const {visitor} = testSite(Watched);
  t.is(await (await visitor().get('/?name=Ada')).text(), 'Hello, Ada');
  t.is(await (await visitor().get('/?fail')).text(), 'mended');
  t.true(Watch.seen[0] instanceof OpenGreeting);
  t.is(Watch.seen[1], 'No coffee.');
});

test('what next() gave for one request is no answer to another', async t => {
  let kept: unknown;
  const {visitor, log} = testSite(Plain, {use: [acting(async (_request, _response, next) => (kept ??= await next()))]});
  t.is(await (await visitor().get('/?name=Ada')).text(), 'Hello, Ada');
  t.is((await visitor().get('/?name=Eve')).status, 500);
  t.regex(String(log[0]!.error), /Acting\.handle\(\) returned what next\(\) gave for another request/);
});

test('to the compiler nothing else is such an answer', t => {
  // @ts-expect-error An object with the same method is none.
  const answer: Answer = {open: () => undefined, dismiss: () => undefined};
  // @ts-expect-error Nor is a number.
  const other: Answer = 7;
  t.truthy([answer, other]);
});

import test from 'ava';
import {createError, Get, Resource, type Middleware, type Next, type Request, type Response, Use} from 'espalier';
import {testSite} from 'espalier/testing';
import {Answer} from '../../src/resource/answer.ts';

class Greeting extends Answer {
  async begin(request: Request, response: Response): Promise<unknown> {
    if (request.query.has('fail')) throw createError(418, 'No coffee.');
    response.setHeader('X-Greeting', 'yes');
    return `Hello, ${request.query.get('name')}`;
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

test('a middleware sees what an answer has become, and what it fails with', async t => {
  const {visitor} = testSite(Watched);
  t.is(await (await visitor().get('/?name=Ada')).text(), 'Hello, Ada');
  t.is(await (await visitor().get('/?fail')).text(), 'mended');
  t.deepEqual(Watch.seen, ['Hello, Ada', 'No coffee.']);
});

test('to the compiler nothing else is such an answer', t => {
  // @ts-expect-error An object with the same method is none.
  const answer: Answer = {begin: () => undefined};
  // @ts-expect-error Nor is a number.
  const other: Answer = 7;
  t.truthy([answer, other]);
});

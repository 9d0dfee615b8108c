import test from 'ava';
import {createError, Get, Resource, type Request, type Response} from 'espalier';
import {testSite} from 'espalier/testing';
import {isPrepared, prepare} from '../../src/resource/prepared.ts';

/** A stream that says what it answers. */
function naming(act: (request: Request, response: Response) => unknown = () => undefined) {
  const chunks = ['!'];
  let path = '';
  return {
    async [prepare](request: Request, response: Response) {
      path = request.path;
      response.setHeader('X-Path', path);
      await act(request, response);
    },
    async *[Symbol.asyncIterator]() {
      yield path;
      yield* chunks;
    },
  };
}

async function answer(result: unknown) {
  @Resource()
  class Root {
    @Get()
    show() {
      return result;
    }
  }
  return testSite(Root).visitor().get('/');
}

test('a stream that is prepared knows what it answers before its first chunk, and sets headers', async t => {
  const given = await answer(naming());
  t.is(given.headers.get('X-Path'), '/');
  t.is(await given.text(), '/!');
});

test('what fails while a stream is prepared is answered as an error', async t => {
  const fail = () => {
    throw createError(409, 'Not now.');
  };
  t.is((await answer(naming(fail))).status, 409);
});

test('other streams are not prepared', t => {
  t.true(isPrepared(naming()));
  t.false(isPrepared({async *[Symbol.asyncIterator]() {}}));
});

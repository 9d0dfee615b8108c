import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {Request} from 'espalier';
import {currentRequest, duringRequest} from '../../src/http/current.ts';

test('what a request calls finds it, before and after an await', async t => {
  const request = Request.from({});
  const [before, after] = await duringRequest(request, async () => {
    const first = currentRequest();
    await setImmediate();
    return [first, currentRequest()];
  });
  t.is(before, request);
  t.is(after, request);
});

test('two requests answered at once do not see each other', async t => {
  const requests = [Request.from({url: '/a'}), Request.from({url: '/b'})];
  const seen = requests.map(request =>
    duringRequest(request, async () => {
      await setImmediate();
      return currentRequest();
    }),
  );
  t.deepEqual(await Promise.all(seen), requests);
  t.not(requests[0], requests[1]);
});

test('a request answered inside another hides it, and gives it back', t => {
  const [outer, inner] = [Request.from({}), Request.from({})];
  duringRequest(outer, () => {
    t.is(duringRequest(inner, currentRequest), inner);
    t.is(currentRequest(), outer);
  });
});

test('what the act gives or throws comes through', t => {
  t.is(
    duringRequest(Request.from({}), () => 'given'),
    'given',
  );
  const error = new Error('thrown');
  const fail = () => {
    throw error;
  };
  t.is(
    t.throws(() => duringRequest(Request.from({}), fail)),
    error,
  );
});

test('outside a request there is none to be had', t => {
  t.throws(currentRequest, {code: 'OUTSIDE_REQUEST', message: /^No request is being answered here\. /});
  duringRequest(Request.from({}), () => undefined);
  t.throws(currentRequest, {code: 'OUTSIDE_REQUEST'}, 'nor after one');
});

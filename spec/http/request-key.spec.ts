import test from 'ava';
import {Request, requestKey} from 'espalier';

test('each asker keeps a value of its own with a request, and none sees that of another', t => {
  const [one, other] = [requestKey<unknown>('it'), requestKey<unknown>('it')];
  const request = Request.from({});
  t.is(request.get(one), undefined);
  request.set(one, other);
  t.is(request.get(one), other);
  t.is(request.get(other), undefined, 'also where a key is kept as a value');
  request.set(other, 2);
  request.set(one, 1);
  t.deepEqual([request.get(one), request.get(other)], [1, 2]);
  t.is(Request.from({}).get(one), undefined);
});

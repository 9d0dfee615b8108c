import test from 'ava';
import {mediaTypeFor} from '../../src/http/media-type.ts';

test('a client gets the type that it takes most gladly, of equals the first, and none that it does not take', t => {
  const types = ['text/html', 'application/json'];
  const chosen = (accept?: string) => mediaTypeFor({headers: accept === undefined ? {} : {accept}}, types);
  t.is(chosen('application/json, text/html;q=0.5'), 'application/json');
  t.is(chosen('*/*'), 'text/html');
  t.is(chosen(), 'text/html');
  t.is(chosen('image/png'), undefined);
});

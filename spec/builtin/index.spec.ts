import test from 'ava';
import * as builtin from 'espalier/builtin';

test('espalier/builtin gives these names, and no others', t => {
  t.deepEqual(Object.keys(builtin), ['accessLog', 'checkPrecondition', 'compress', 'cors', 'csrf', 'etag', 'requestId', 'requireSignIn', 'returnPath']);
});

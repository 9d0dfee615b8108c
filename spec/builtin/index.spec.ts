import test from 'ava';
import * as builtin from 'espalier/builtin';

test('espalier/builtin gives these names, and no others', t => {
  t.deepEqual(Object.keys(builtin), [
    'accessLog',
    'basicAuth',
    'bearer',
    'checkPrecondition',
    'compress',
    'cors',
    'csrf',
    'etag',
    'files',
    'identity',
    'insufficientScope',
    'mount',
    'openApi',
    'requestId',
    'requireSignIn',
    'returnPath',
    'sameSecret',
    'sendFile',
  ]);
});

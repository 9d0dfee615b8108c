import test from 'ava';
import * as builtin from 'espalier/builtin';

test('espalier/builtin gives these names, and no others', t => {
  t.deepEqual(Object.keys(builtin), [
    'Socket',
    'accessLog',
    'basicAuth',
    'bearer',
    'checkPrecondition',
    'compress',
    'cors',
    'csrf',
    'etag',
    'favicon',
    'files',
    'health',
    'identity',
    'insufficientScope',
    'mount',
    'openApi',
    'redirectTo',
    'requestId',
    'requireSignIn',
    'returnPath',
    'robots',
    'sameSecret',
    'saveUploads',
    'securityTxt',
    'sendFile',
    'sse',
    'virtualHosts',
  ]);
});

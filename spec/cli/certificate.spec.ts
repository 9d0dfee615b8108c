import {X509Certificate} from 'node:crypto';
import test from 'ava';
import {certificate} from '../../src/cli/certificate.ts';

test('a certificate is one for this machine, with its key', async t => {
  const {key, cert} = await certificate();
  const read = new X509Certificate(cert);
  t.is(read.checkHost('localhost'), 'localhost');
  t.is(read.checkIP('127.0.0.1'), '127.0.0.1');
  t.regex(key, /PRIVATE KEY/);
});

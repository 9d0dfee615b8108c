import {existsSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';
import {CookieJar} from 'tough-cookie';
import {Client} from 'espalier/testing';
import {createSite, Resource} from 'espalier';
import {folderOf, peer} from '../src/peer.ts';

@Resource()
class Home {}

test('a package that is there is the one that the application has', t => {
  t.true(new Client(createSite(Home)).jar instanceof CookieJar);
});

test('a package that the runtime brings itself, and that is no file, is the one of the runtime', t => {
  t.is(peer('node:fs', 'espalier/store/other'), createRequire(import.meta.url)('node:fs'));
});

test('a package that is not there is told with the command that installs it', t => {
  t.throws(() => peer('no-such-package', 'espalier/store/other'), {
    code: 'PACKAGE_MISSING',
    message:
      'espalier/store/other needs the package no-such-package, which is not there. Install it: npm install no-such-package [PACKAGE_MISSING]',
  });
});

test('a package that is there, and lacks another itself, is not told to be missing', t => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-peer-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const broken = join(folder, 'broken.cjs');
  writeFileSync(broken, "require('no-such-package');");
  t.throws(() => peer(pathToFileURL(broken).href, 'x'), {
    code: 'MODULE_NOT_FOUND',
    message: /Cannot find module 'no-such-package'/,
  });
});

test('the folder of a package is told where that is there, and nothing where it is not', t => {
  t.true(existsSync(join(folderOf('swagger-ui-dist')!, 'swagger-ui.css')));
  t.is(folderOf('no-such-package'), undefined);
});

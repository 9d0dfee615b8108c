import assert from 'node:assert/strict';
import test from 'node:test';
import {testSite} from 'espalier/testing';
import {Home} from '../src/home.ts';

test('visits are counted, for each visitor', async () => {
  const {visitor} = testSite(Home);
  const ada = visitor();
  assert.match(await (await ada.get('/')).text(), /Visit 1/);
  assert.match(await (await ada.get('/')).text(), /Visit 2/);
  assert.match(await (await visitor().get('/')).text(), /Visit 1/);
});

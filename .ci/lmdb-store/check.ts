import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';
import {storeContract, type StoreFixture} from 'espalier/testing';
import {LmdbStore} from './lmdb-store.ts';

function onFreshData(): StoreFixture {
  const path = mkdtempSync(join(tmpdir(), 'espalier-lmdb-'));
  return {open: clock => new LmdbStore({path, clock}), dispose: () => rmSync(path, {recursive: true})};
}

for (const {title, run} of storeContract(onFreshData)) void test(title, run);

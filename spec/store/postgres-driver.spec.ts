import test from 'ava';
import {Pool} from 'pg';
import {pg} from '../../src/store/postgres-driver.ts';

test("the driver is the application's own, so that what it makes is known here", t => {
  t.is(pg.Pool, Pool);
});

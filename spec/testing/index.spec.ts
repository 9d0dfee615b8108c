import test from 'ava';
import * as testing from 'espalier/testing';

test('espalier/testing gives these names, and no others', t => {
  t.deepEqual(Object.keys(testing).toSorted(), ['Client', 'TestClock', 'storeContract', 'testSite']);
});

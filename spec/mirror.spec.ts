import {existsSync, globSync} from 'node:fs';
import test from 'ava';

test('every source file has its spec, at the same path and by the same name', t => {
  const specs = globSync('src/**/*.ts').map(file => file.replace(/^src/, 'spec').replace(/\.ts$/, '.spec.ts'));
  t.deepEqual(specs.filter(spec => !existsSync(spec)).toSorted(), []);
});

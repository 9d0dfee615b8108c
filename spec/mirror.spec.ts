import {existsSync, globSync} from 'node:fs';
import test from 'ava';

test('every source file has its spec, at the same path and by the same name', t => {
  const written = globSync('src/**/*.{ts,sql,lua}').filter(file => !/\.(?:sql|lua)\.ts$/.test(file));
  const specs = written.map(file => file.replace(/^src/, 'spec').replace(/\.\w+$/, '.spec.ts'));
  t.deepEqual(specs.filter(spec => !existsSync(spec)).toSorted(), []);
});

import {createRequire} from 'node:module';
import test from 'ava';
import {engines, transformBy, type Source} from '../../src/cli/transform.ts';

const {resolve} = createRequire(import.meta.url);
const installed = Object.keys(engines).filter(engine => {
  try {
    resolve(engine);
    // From 7 on, TypeScript has no compiler to be called.
    return engine !== 'typescript';
  } catch {
    return false;
  }
});

const source: Source = {file: '/shop/shop.ts', text: '', format: 'module', options: {experimentalDecorators: true}};

/** What a program logs that is compiled. */
async function logged(code: string): Promise<unknown> {
  const {default: value} = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {default: unknown};
  return value;
}

test('there is something to compile with here', t => {
  t.true(installed.includes('esbuild'));
});

for (const engine of installed) {
  const transform = transformBy(engine, resolve(engine));

  test(`${engine} compiles both dialects of decorators, and tells where a line was`, async t => {
    const both = `
      const calls: unknown[] = [];
      function mark(...given: unknown[]): any { calls.push(given.length); }
      @mark class Home { @mark show() { return 'home'; } }
      export default [calls, new Home().show(), Home.name];`;
    const legacy = transform({...source, text: both});
    t.deepEqual(await logged(legacy), [[3, 1], 'home', 'Home']);
    t.deepEqual(await logged(transform({...source, text: both, options: {}})), [[2, 2], 'home', 'Home']);
    t.regex(legacy, /sourceMappingURL=data:application\/json/);
    const parameters = `
      const at: unknown[] = [];
      const mark = (...given: unknown[]) => void at.push(given[2]);
      class Home { constructor(private readonly one: string, @mark private readonly two: string) {} }
      export default [at, {...new Home('a', 'b')}];`;
    t.deepEqual(await logged(transform({...source, text: parameters})), [[1], {one: 'a', two: 'b'}]);
  });

  test(`${engine} makes a module of the older kind where that is wanted`, t => {
    const code = transform({...source, text: 'import fs from "node:fs"; export default fs.sep;', format: 'commonjs'});
    t.regex(code, /require\("node:fs"\)/);
    t.notRegex(code, /^(?:import|export)\b/m);
  });

  test(`${engine} says where the syntax is wrong`, t => {
    t.throws(() => transform({...source, text: 'const a = 1;\nclass {}'}), {message: /shop\.ts/});
  });
}

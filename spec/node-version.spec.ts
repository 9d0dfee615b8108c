import {readFileSync} from 'node:fs';
import test from 'ava';
import {leastNode, refuseOldNode} from '../src/node-version.ts';

const on =
  (node: string, more: object = {}) =>
  () =>
    refuseOldNode({...more, node} as NodeJS.ProcessVersions);

test('a Node below the least is refused in one line that says what to do', t => {
  for (const version of ['20.20.2', '22.14.0', '18.0.0']) {
    t.throws(on(version), {
      message: `Espalier needs Node 22.15 or later, and this is ${version}. Install a later one (https://nodejs.org), or try it with one: npx -p node@24 node main.js`,
    });
  }
  for (const version of ['22.15.0', '22.20.1', '24.0.0', '26.1.0', process.versions.node]) t.notThrows(on(version));
});

test('what is no Node is not judged by the version that it gives itself', t => {
  t.notThrows(on('20.0.0', {bun: '1.3.0'}));
  t.notThrows(on('20.0.0', {deno: '2.5.0'}));
});

test('the least version is that of package.json', t => {
  const {engines} = JSON.parse(readFileSync('package.json', 'utf8')) as {engines: {node: string}};
  t.is(engines.node, `>=${leastNode}`);
});

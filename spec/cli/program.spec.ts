import test from 'ava';
import {project} from './project.ts';
import {counting, Running} from './running.ts';

test('a program that exports its root class by default is served, with its own copy of the package where it has one', async t => {
  const exporting = counting['shop.ts'].replace('await serve(Shop, {port: 0});', 'export default Shop;');
  const folder = project(t, {...counting, 'shop.ts': exporting});
  const served = new Running(t, ['serve', 'shop.ts', '--port', '0'], folder);
  t.is(await (await fetch(await served.url())).text(), 'one 1');
});

test('a program that both exports its root class and serves it is served once', async t => {
  const both = `${counting['shop.ts']}\nexport default Shop;`;
  const served = new Running(t, ['dev', 'shop.ts'], project(t, {...counting, 'shop.ts': both}));
  t.is(await (await fetch(await served.url())).text(), 'one 1');
  t.is(served.output.split('Listening on').length, 2);
});

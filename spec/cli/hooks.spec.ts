import test from 'ava';
import {espalier, project} from './project.ts';

const page = `
import {Get, Resource} from 'espalier';
@Resource() export class Page { @Get() show() { return 'page'; } }`;
const home = (specifier: string) => `
import {Child, Resource} from 'espalier';
import {Page} from '${specifier}';
@Resource() @Child('page', Page) class Home {}
export default Home;`;

test('a file of TypeScript is imported by its own name, by that of what is compiled of it, or without an ending', async t => {
  for (const specifier of ['./page.ts', './page.js', './page', './pages', './module.mjs']) {
    const files = {'shop.ts': home(specifier), 'page.ts': page, 'pages/index.ts': page, 'module.mts': page};
    const {code, stderr} = await espalier(['tree', 'shop.ts'], project(t, files, ['esbuild']));
    t.deepEqual([code, stderr], [0, ''], specifier);
  }
});

test('a project of the older kind of modules is run too', async t => {
  for (const manifest of ['{}', '{"type": "commonjs"}']) {
    for (const engine of ['esbuild', 'tsx']) {
      const files = {'package.json': manifest, 'shop.ts': home('./page'), 'page.ts': page};
      const {code, stderr} = await espalier(['tree', 'shop.ts'], project(t, files, [engine]));
      t.deepEqual([code, stderr], [0, ''], `${engine} ${manifest}`);
    }
  }
});

import test from 'ava';
import {espalier, project} from './project.ts';

test('all that is printed arrives, though the process is ended', async t => {
  const many = Array.from({length: 3000}, (_, i) => `Child('page${i}', Page)(Home);`).join('\n');
  const program = `
    import {Child, Get, Resource} from 'espalier';
    class Page { show() { return 'page'; } }
    Get()(Page.prototype, 'show', {});
    Resource()(Page);
    class Home {}
    ${many}
    Resource()(Home);
    export default Home;
    setInterval(() => undefined, 1000);`;
  const {stdout, code} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': program}));
  t.is(code, 0);
  t.true(stdout.split('\n').length > 3000);
});

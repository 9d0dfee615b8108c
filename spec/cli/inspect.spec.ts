import test from 'ava';
import {espalier, project} from './project.ts';

test('what is wrong in a site keeps nothing back that is there, and it is said how to see it', async t => {
  const program = `
    import {Child, Resource, inject} from 'espalier';
    class Page {}
    inject('nothing')(Page, undefined, 0);
    Resource()(Page);
    export default class Shop {}
    Child('page', Page)(Shop);
    Resource()(Shop);`;
  const {code, stdout, stderr} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': program}));
  t.is(code, 0);
  t.regex(stdout, /^└─ page/m);
  t.is(stderr, 'Not all of this can be served: espalier check shop.js says why.\n');
});

test('a root that is no class is said so', async t => {
  const {code, stderr} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': 'export default 7;'}));
  t.is(code, 1);
  t.is(stderr, 'The root is a number. Give the class of a resource. [RESOURCE_UNMARKED]\n');
});

import test from 'ava';
import {espalier, project} from './project.ts';

test('tree shows the root of a site', async t => {
  const program = `
    import {Resource} from 'espalier';
    export default class Shop {}
    Resource()(Shop);`;
  const {stdout} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': program}));
  t.regex(stdout, /Shop/);
});

import test from 'ava';
import {espalier, project} from './project.ts';

const site = (children: string) => `
  import {Child, Get, Resource} from 'espalier';
  import {openApi} from 'espalier/builtin';
  class Page { show() { return ''; } }
  Get()(Page.prototype, 'show', {});
  Resource()(Page);
  export default class Shop {}
  Child('page', Page)(Shop);
  ${children}
  Resource()(Shop);`;

test('without an openApi() in the tree the document is of all, by the name and version of package.json', async t => {
  const {code, stdout} = await espalier(['openapi', 'shop.js'], project(t, {'shop.js': site('')}));
  t.is(code, 0);
  const document = JSON.parse(stdout) as {info: object; paths: object};
  t.deepEqual(document.info, {title: 'shop', version: '1.2.3'});
  t.deepEqual(Object.keys(document.paths), ['/page']);
});

test('with one the document is the one that it serves', async t => {
  const docs = `
    const servers = [{url: 'https://shop.example'}];
    Child('docs', openApi({info: {title: 'The shop', version: '7'}, servers}))(Shop);`;
  const {stdout} = await espalier(['openapi', 'shop.js'], project(t, {'shop.js': site(docs)}));
  const document = JSON.parse(stdout) as {info: object; servers: object; paths: object};
  t.deepEqual(document.info, {title: 'The shop', version: '7'});
  t.deepEqual(document.servers, [{url: 'https://shop.example'}]);
  t.deepEqual(Object.keys(document.paths), ['/page']);
});

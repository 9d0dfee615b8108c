import test from 'ava';
import {espalier, project} from './project.ts';
import {shop} from './shop.ts';

test('tree shows each resource with its class, verbs, input, middleware and source, in columns', async t => {
  const {code, stdout, stderr} = await espalier(['tree', 'shop.ts'], project(t, {'shop.ts': shop}));
  t.deepEqual([code, stderr], [0, '']);
  t.is(
    stdout,
    `path         class                    verbs           middleware  source
/            Shop                     GET             Log         shop.ts:45
├─ files/*   Files                    GET                         shop.ts:32
└─ people    People                   GET             SignedIn    shop.ts:37
   ├─ new    New                      GET POST(body)  POST: Log   shop.ts:20
   └─ :name  Person by People.find()  GET(query)                  shop.ts:26

5 resources, 6 handlers
`,
  );
});

test('what comes with the package has no place in the source of a program', async t => {
  const program = `
    import {Child, Resource} from 'espalier';
    import {openApi} from 'espalier/builtin';
    export default class Shop {}
    Child('docs', openApi({info: {title: 'Shop', version: '1'}}))(Shop);
    Resource()(Shop);`;
  const {stdout} = await espalier(['tree', 'shop.js'], project(t, {'shop.js': program}));
  t.regex(stdout, /^   ├─ openapi\.json  Served by OpenApi\.json\(\)     GET$/m);
});

test('--json gives the tree as data: classes by their names, schemas by the parts of the input', async t => {
  const {stdout} = await espalier(['tree', 'shop.ts', '--json'], project(t, {'shop.ts': shop}));
  const root = JSON.parse(stdout) as {pattern: string; middleware: string[]; children: object[]};
  t.like(root, {pattern: '/', name: 'Shop', place: 'shop.ts:45', middleware: [{name: 'Log', place: 'shop.ts:53'}]});
  t.like(root.children[1], {pattern: '/people', middleware: [{name: 'SignedIn', place: 'shop.ts:38'}]});
  const [form] = (root.children[1] as {children: {handlers: object[]}[]}).children;
  t.like(form!.handlers[1], {
    verb: 'POST',
    method: 'New.make()',
    place: 'shop.ts:23',
    input: ['body'],
    status: 201,
    hasResult: false,
    middleware: [{name: 'Log', place: 'shop.ts:23'}],
  });
});

const hosts = `
  import {Child, Get, Resource, Use} from 'espalier';
  import {Socket, virtualHosts} from 'espalier/builtin';
  class Log { handle(request, response, next) { return next(); } }
  class Talk { talk() {} }
  Use(Log)(Talk.prototype, 'talk', Object.getOwnPropertyDescriptor(Talk.prototype, 'talk'));
  Socket()(Talk.prototype, 'talk', Object.getOwnPropertyDescriptor(Talk.prototype, 'talk'));
  Resource()(Talk);
  class Shop { show() { return 'shop'; } }
  Get()(Shop.prototype, 'show', Object.getOwnPropertyDescriptor(Shop.prototype, 'show'));
  Child('talk', Talk)(Shop);
  Resource()(Shop);
  export default virtualHosts({'shop.example': Shop, 'talk.example': Talk});`;

test('a method of WebSockets stands among the verbs, and hosts by their names', async t => {
  const {stdout} = await espalier(['tree', 'hosts.js'], project(t, {'hosts.js': hosts}));
  t.deepEqual(
    stdout
      .split('\n')
      .map(line => line.trimEnd())
      .slice(2, 5),
    [
      '├─ shop.example  Shop          GET                  hosts.js:12',
      '│  └─ talk       Talk          SOCKET  SOCKET: Log  hosts.js:8',
      '└─ talk.example  Talk          SOCKET  SOCKET: Log  hosts.js:8',
    ],
  );
  t.regex(stdout, /\n4 resources, 1 handler, 2 sockets\n$/);
});

test('--json tells the host of each resource, and its method of WebSockets', async t => {
  const {stdout} = await espalier(['tree', 'hosts.js', '--json'], project(t, {'hosts.js': hosts}));
  const {children} = JSON.parse(stdout) as {children: object[]};
  t.like(children[1], {
    host: 'talk.example',
    name: 'Talk',
    socket: {method: 'Talk.talk()', middleware: [{name: 'Log'}]},
  });
});

import test from 'ava';
import {espalier, project} from './project.ts';
import {shop} from './shop.ts';

test('explain tells each step, each middleware on the way, and what answers, with file and line', async t => {
  const folder = project(t, {'shop.ts': shop});
  const {code, stdout, stderr} = await espalier(['explain', 'shop.ts', 'post', '/people/new'], folder);
  t.deepEqual([code, stderr], [0, '']);
  t.is(
    stdout,
    `POST /people/new

            through Log                                           shop.ts:53
  /         Shop              the root                            shop.ts:45
  "people"  People            by "people"                         shop.ts:37
            through SignedIn                                      shop.ts:38
  "new"     New               by "new", which comes before :name  shop.ts:20
            through Log                                           shop.ts:23
            New.make()        POST                                shop.ts:23

Its body has to fit.
201 Created: New.make() answers.
`,
  );
});

test('a path that leads nowhere, a method that is not answered and a slash too many are told with their ways out', async t => {
  const folder = project(t, {'shop.ts': shop});
  const last = async (method: string, path: string) =>
    (await espalier(['explain', 'shop.ts', method, path], folder)).stdout.trim().split('\n\n').at(-1);
  t.is(
    await last('GET', '/peopel'),
    '404 Not Found: Nothing takes "peopel": Shop has no child for it. It has "files", "people". Did you mean "people"?',
  );
  t.is(
    await last('DELETE', '/people/new'),
    '405 Method Not Allowed: New answers GET, HEAD, OPTIONS, POST, not DELETE.\nAllow: GET, HEAD, OPTIONS, POST',
  );
  t.is(
    await last('GET', '/people/?q=1'),
    '308 Permanent Redirect: People has no child "" for the slash at the end, but answers GET without it.\nLocation: /people?q=1',
  );
});

test('--json gives the explanation as data', async t => {
  const folder = project(t, {'shop.ts': shop});
  const {stdout} = await espalier(['explain', 'shop.ts', 'GET', '/people/ada', '--json'], folder);
  t.like(JSON.parse(stdout), {
    method: 'GET',
    path: '/people/ada',
    use: [{name: 'Log', place: 'shop.ts:53'}],
    steps: [{middleware: []}, {middleware: [{name: 'SignedIn', place: 'shop.ts:38'}]}, {resource: 'Person'}],
    answer: {status: 200, handler: {verb: 'GET', method: 'Person.show()', input: ['query']}},
  });
});

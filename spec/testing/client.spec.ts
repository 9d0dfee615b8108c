import test from 'ava';
import {Get, Post, Resource, createSite, type Request, type Response} from 'espalier';
import {Client} from 'espalier/testing';

@Resource({leaf: true})
class Echo {
  @Get()
  get({headers, url, secure}: Request, response: Response) {
    if (url === '/set') response.setCookie('a', '1', {secure});
    if (url === '/away') return response.redirect('/elsewhere');
    return {cookie: headers.cookie, secure, url};
  }

  @Post()
  async post(request: Request) {
    return {type: request.headers['content-type'], body: await request.text()};
  }
}

const client = (origin?: string) => new Client(createSite(Echo), origin);

test('a visitor keeps the cookies it was given, and no other visitor has them', async t => {
  const someone = client();
  await someone.get('/set');
  t.like(await (await someone.get('/')).json(), {cookie: 'a=1'});
  t.is(((await (await client().get('/')).json()) as {cookie?: string}).cookie, undefined);
});

test('with an https origin the visitor comes over TLS', async t => {
  const someone = client('https://example.com');
  await someone.get('/set');
  t.like(await (await someone.get('/x')).json(), {secure: true, cookie: 'a=1', url: '/x'});
});

test('json is sent as JSON', async t => {
  t.deepEqual(await (await client().post('/', {json: {n: 1}})).json(), {type: 'application/json', body: '{"n":1}'});
});

test('redirects are given, not followed', async t => {
  const answer = await client().get('/away');
  t.deepEqual([answer.status, answer.headers.get('Location')], [303, '/elsewhere']);
});

test('every verb has a method', async t => {
  const someone = client();
  const statuses = await Promise.all(
    (['get', 'post', 'put', 'patch', 'delete', 'query', 'head', 'options'] as const).map(
      async verb => (await someone[verb]('/')).status,
    ),
  );
  t.deepEqual(statuses, [200, 200, 405, 405, 405, 405, 200, 200]);
});

import {readdirSync, readlinkSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';
import {
  Child,
  createError,
  Get,
  Post,
  Resource,
  Use,
  type Next,
  type Request,
  type ResourceClass,
  type Response,
} from 'espalier';
import {files, sendFile, type SendFileOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {listening} from '../http/raw-socket.ts';
import {acting} from '../resource/on-the-way.ts';
import {until} from '../until.ts';
import {put, temporaryFolder} from './temp-folder.ts';

/** A site whose handler sends this file. */
function sending(path: string | URL, options?: SendFileOptions, status?: number) {
  @Resource()
  class Root {
    @Get()
    show(_request: Request, response: Response) {
      if (status !== undefined) response.status = status;
      return sendFile(path, options);
    }
    @Post()
    async make() {
      await Promise.resolve();
      return sendFile(path, options);
    }
  }
  return testSite(Root).visitor();
}

test('a handler sends a file by its path or URL, with type, length, tag and time', async t => {
  const folder = temporaryFolder(t, {'report.txt': 'Hello'});
  for (const path of [join(folder, 'report.txt'), pathToFileURL(join(folder, 'report.txt'))]) {
    const answer = await sending(path).get('/');
    t.is(await answer.text(), 'Hello');
    t.is(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
    t.is(answer.headers.get('content-length'), '5');
    t.is(answer.headers.get('content-disposition'), null);
    t.is(answer.headers.get('cache-control'), 'no-cache');
    const tag = answer.headers.get('etag')!;
    t.is((await sending(path).get('/', {headers: {'if-none-match': tag}})).status, 304);
    const part = await sending(path).get('/', {headers: {range: 'bytes=1-2', 'if-range': tag}});
    t.deepEqual([part.status, await part.text()], [206, 'el']);
    t.is((await sending(path).fetch('/', {method: 'HEAD'})).headers.get('content-length'), '5');
  }
});

test('a browser saves it under its own name, or another', async t => {
  const path = join(temporaryFolder(t, {'a b.pdf': 'x'}), 'a b.pdf');
  const saved = async (download: boolean | string) =>
    (await sending(path, {download}).get('/')).headers.get('content-disposition');
  t.is(await saved(true), 'attachment; filename="a b.pdf"');
  t.is(
    await saved('Bericht März.pdf'),
    'attachment; filename="Bericht M?rz.pdf"; filename*=UTF-8\'\'Bericht%20M%C3%A4rz.pdf',
  );
  t.is(await saved(false), null);
});

test('its type and its caching can be given, and its status set', async t => {
  const path = join(temporaryFolder(t, {a: '<h1>Not here</h1>'}), 'a');
  const answer = await sending(path, {type: 'text/html; charset=utf-8', maxAge: '1h'}, 404).get('/');
  t.is(answer.status, 404);
  t.is(answer.headers.get('content-type'), 'text/html; charset=utf-8');
  t.is(answer.headers.get('cache-control'), 'max-age=3600');
  const headers = {'if-none-match': answer.headers.get('etag')!, range: 'bytes=0-1'};
  t.is((await sending(path, {}, 404).get('/', {headers})).status, 404, 'it has no conditions and no ranges then');
});

test('to POST it is sent whole, with no conditions and no ranges', async t => {
  const path = join(temporaryFolder(t, {a: 'made'}), 'a');
  const answer = await sending(path).fetch('/', {method: 'POST', headers: {range: 'bytes=0-1', 'if-none-match': '*'}});
  t.deepEqual([answer.status, await answer.text()], [200, 'made']);
});

test('what is not there, is no file, or can be no path is a 404', async t => {
  const folder = temporaryFolder(t, {'a.txt': 'a'});
  for (const path of [join(folder, 'none'), folder, `${folder}/a.txt/b`, '/dev/null', 'a\0b']) {
    t.is((await sending(path).get('/')).status, 404, path);
  }
});

for (const path of [
  '../secret.txt',
  'sub/../../secret.txt',
  '/etc/passwd',
  '//etc/passwd',
  'sub//a.txt',
  './a.txt',
  '..\\secret.txt',
  'C:\\a.txt',
  '.env',
  'out.txt',
  'a.txt\0',
  'a.txt/',
  'sub',
]) {
  test(`below its root nothing else is sent: ${JSON.stringify(path)}`, async t => {
    const folder = temporaryFolder(t, {'secret.txt': 's', 'in/a.txt': 'a', 'in/.env': 's', 'in/sub/a.txt': 'sub'});
    symlinkSync('../secret.txt', join(folder, 'in/out.txt'));
    t.is((await sending(path, {root: join(folder, 'in')}).get('/')).status, 404);
    t.is(await (await sending('sub/a.txt', {root: join(folder, 'in')}).get('/')).text(), 'sub');
  });
}

test('what is refused below a root can be allowed', async t => {
  const folder = temporaryFolder(t, {'.env': 'dot'});
  t.is(await (await sending('.env', {root: pathToFileURL(folder), allow: ['dotFiles']}).get('/')).text(), 'dot');
});

test('however the answer ends, no file stays open', async t => {
  const folder = temporaryFolder(t, {'big.bin': Buffer.alloc(300_000)});
  const path = join(folder, 'big.bin');
  for (const headers of [
    {},
    {range: 'bytes=0-1'},
    {range: 'bytes=400000-'},
    {'if-match': '"x"'},
    {'if-none-match': '*'},
  ]) {
    for (const method of ['GET', 'HEAD']) await (await sending(path).fetch('/', {method, headers})).arrayBuffer();
  }
  await closed(folder);
  t.pass();
});

/** Until no file of a folder is open. */
async function closed(folder: string): Promise<void> {
  const isOpen = () =>
    readdirSync('/proc/self/fd').some(fd => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(folder);
      } catch {
        return false;
      }
    });
  await until(() => !isOpen(), 'no file is open');
}

type Act = (request: Request, response: Response, next: Next) => unknown;

/** A listening site that sends these files behind a middleware, by `sendFile()` and by `files()`. */
async function behind(t: Parameters<typeof temporaryFolder>[0], act: Act) {
  const folder = temporaryFolder(t, {'in/small.txt': 'small', 'in/big.txt': 'x'.repeat(300_000), 'other.css': 'p {}'});
  const sent = (name: string): ResourceClass => {
    @Resource()
    class Sent {
      @Get()
      show() {
        return sendFile(join(folder, 'in', name), {download: true});
      }
    }
    return Sent;
  };
  @Resource()
  @Use(acting(act))
  @Child('small', sent('small.txt'))
  @Child('big', sent('big.txt'))
  @Child('files', files(join(folder, 'in'), {listing: true}))
  class Root {}
  const {site} = testSite(Root);
  return {folder, url: await listening(t, site)};
}

const paths = ['small', 'big', 'files/small.txt', 'files/big.txt'];

/** What a middleware answers in place of a file, and what its client gets. */
const replacements: Record<string, {act: Act; status: number; text: string | RegExp; type: string | null}> = {
  'a Response without a body': {
    act: async (_request, _response, next) => {
      await next();
      return new globalThis.Response(null, {status: 303, headers: {Location: '/pay'}});
    },
    status: 303,
    text: '',
    type: null,
  },
  'a Response with one': {
    act: async (_request, _response, next) => {
      await next();
      return new globalThis.Response('pay', {status: 402});
    },
    status: 402,
    text: 'pay',
    type: 'text/plain;charset=UTF-8',
  },
  'a text': {
    act: async (_request, _response, next) => {
      await next();
      return 'instead';
    },
    status: 200,
    text: 'instead',
    type: 'text/plain; charset=utf-8',
  },
  'a stream': {
    act: async (_request, _response, next) => {
      await next();
      return (async function* () {
        yield 'instead';
      })();
    },
    status: 200,
    text: 'instead',
    type: 'text/plain; charset=utf-8',
  },
  'an error': {
    act: async (_request, _response, next) => {
      await next();
      throw createError(403);
    },
    status: 403,
    text: /Forbidden/,
    type: 'application/problem+json',
  },
};
for (const [what, {act, status, text, type}] of Object.entries(replacements)) {
  test(`where a middleware answers with ${what} in place of a file, nothing of the file goes out, and it is closed`, async t => {
    const {folder, url} = await behind(t, act);
    const tags = [undefined, {range: 'bytes=0-1'}, {'if-none-match': '*'}, {'if-match': '"x"'}];
    for (const path of paths) {
      for (const headers of tags) {
        const answer = await fetch(`${url}/${path}`, {redirect: 'manual', ...(headers && {headers})});
        t.is(answer.status, status);
        if (typeof text === 'string') t.is(await answer.text(), text);
        else t.regex(await answer.text(), text);
        t.is(answer.headers.get('content-type'), type);
        for (const [name] of answer.headers) {
          t.notRegex(name, /^(?:etag|last-modified|cache-control|accept-ranges|content-(?:range|disposition))$/);
        }
      }
    }
    await closed(folder);
  });
}

test('a file in place of another goes out as if that had not been', async t => {
  const {folder, url} = await behind(t, async (_request, _response, next) => {
    await next();
    return sendFile(join(folder, 'other.css'));
  });
  for (const path of paths) {
    const answer = await fetch(`${url}/${path}`, {headers: {range: 'bytes=0-2'}});
    t.deepEqual([answer.status, await answer.text()], [206, 'p {']);
    t.is(answer.headers.get('content-range'), 'bytes 0-2/4');
    t.is(answer.headers.get('content-type'), 'text/css; charset=utf-8');
    t.is(answer.headers.get('content-disposition'), null);
  }
  await closed(folder);
});

test('a file that comes when a middleware has answered already changes nothing in that answer, and is closed', async t => {
  const {folder, url} = await behind(t, (request, _response, next) => {
    const late = next();
    // Its head waits until the file has come.
    request.beforeHeaders(async () => void (await late));
    return 'early';
  });
  for (const path of paths) {
    const answer = await fetch(`${url}/${path}`, {headers: {range: 'bytes=0-2'}});
    t.deepEqual([answer.status, await answer.text()], [200, 'early']);
    t.is(answer.headers.get('etag'), null);
    t.is(answer.headers.get('content-range'), null);
  }
  await closed(folder);
});

test('where a middleware answers in place of a list of files, nothing of that goes out', async t => {
  const {url} = await behind(t, async (_request, _response, next) => {
    await next();
    return 'instead';
  });
  const answer = await fetch(`${url}/files/`);
  t.is(await answer.text(), 'instead');
  t.is(answer.headers.get('content-security-policy'), null);
  t.is(answer.headers.get('cache-control'), null);
});

test('what a middleware sets when a file has come holds for it', async t => {
  const {url} = await behind(t, async (_request, response, next) => {
    const found = await next();
    response.setHeader('Cache-Control', 'private, max-age=5');
    response.setHeader('Content-Disposition', 'inline');
    response.status = 404;
    return found;
  });
  for (const path of paths) {
    const answer = await fetch(`${url}/${path}`, {headers: {range: 'bytes=0-1', 'if-none-match': '*'}});
    t.is(answer.status, 404);
    t.is(answer.headers.get('cache-control'), 'private, max-age=5');
    t.is(answer.headers.get('content-disposition'), 'inline');
    t.is((await answer.text()).length, path.includes('big') ? 300_000 : 5);
  }
});

test('a middleware can answer for a file that is not there', async t => {
  const {url} = await behind(t, async (_request, _response, next) => next().catch(() => 'a page of our own'));
  const answer = await fetch(`${url}/files/none`);
  t.deepEqual([answer.status, await answer.text()], [404, 'a page of our own']);
});

for (const [path, options, message] of [
  ['', {}, /the path must be a path, or a URL/],
  [7, {}, /the path must be a path, or a URL/],
  [new URL('https://localhost/a'), {}, /the path must be a path, or a URL/],
  [new URL('file:///a'), {root: '/'}, /with root the path must be a text/],
  ['a', {root: ''}, /root is ""\. It must be a path/],
  ['a', {downlaod: true}, /no option "downlaod"\. Did you mean "download"\?/],
  ['a', {download: 7}, /download is 7\. It must be true, false or a name/],
  ['a', {maxAge: 'x'}, /maxAge is "x"/],
] as const) {
  test(`sendFile(${String(path)}, ${JSON.stringify(options)}) is refused at once`, t => {
    t.throws(() => sendFile(path as string, options as SendFileOptions), {code: 'OPTION_INVALID', message});
  });
}

test('a relative path begins in the working directory', async t => {
  t.is((await sending('package.json').get('/')).status, 200);
  const folder = temporaryFolder(t);
  put(join(folder, 'x'), 'x');
  t.is(await (await sending('x', {root: folder}).get('/')).text(), 'x');
});

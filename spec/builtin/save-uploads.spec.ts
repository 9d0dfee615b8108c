import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {connect as connectHttp2} from 'node:http2';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {
  createError,
  Post,
  Resource,
  type ListenOptions,
  type Middleware,
  type Next,
  type Request,
  type Response,
  type SiteOptions,
} from 'espalier';
import {saveUploads, type SavedUploads, type SaveUploadsOptions, type UploadProgress} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

interface Saving {
  readonly options?: SaveUploadsOptions;
  /** Waited for before anything is read. */
  readonly before?: () => Promise<unknown>;
  readonly answer?: (uploads: SavedUploads, request: Request, response: Response) => unknown;
  readonly site?: SiteOptions;
  readonly listen?: ListenOptions;
}

/** A site that saves what is posted in a folder of its own, which is not there yet, listening. */
async function saving(t: ExecutionContext, {options, answer, before, ...more}: Saving = {}) {
  const above = mkdtempSync(join(tmpdir(), 'uploads-'));
  t.teardown(() => rmSync(above, {recursive: true, force: true}));
  const folder = join(above, 'folder');

  @Resource()
  class Root {
    @Post()
    async save(request: Request, response: Response) {
      await before?.();
      const uploads = await saveUploads(request, folder, options);
      if (answer) return answer(uploads, request, response);
      return uploads.files.map(({path, ...file}) => ({...file, content: readFileSync(path, 'latin1')}));
    }
  }
  const {site, log, clock} = testSite(Root, {drainTimeout: 1, ...more.site});
  const url = await site.listen({port: 0, host: '127.0.0.1', ...more.listen});
  t.teardown(() => site.close());
  const left = () => {
    try {
      return readdirSync(folder);
    } catch {
      return [];
    }
  };
  return {site, log, clock, url, folder, left};
}

/** The files in this folder that this process has open. */
function openIn(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return [];
    }
  });
}

/** Nothing is left of an upload, neither files nor descriptors. */
async function gone(t: ExecutionContext, {folder, left}: {folder: string; left: () => string[]}): Promise<void> {
  await until(() => left().length === 0 && openIn(folder).length === 0, 'nothing is left');
  t.pass();
}

function form(...entries: readonly (readonly [name: string, value: string | File])[]): FormData {
  const data = new FormData();
  for (const [name, value] of entries) data.append(name, value as string);
  return data;
}

const file = (content: string, name = 'a.txt', type = 'text/plain') => new File([content], name, {type});

/** As it is sent: the head of a file whose content follows. */
const begin = '--B\r\nContent-Disposition: form-data; name="up"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n';
const headOf = (length = 10_000_000) =>
  `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: ${length}\r\n\r\n`;

/** A connection that has sent this, and that has been written so far that a file has some of it. */
async function halfway(t: ExecutionContext, world: {url: string; left: () => string[]; folder: string}) {
  const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.write(`${headOf()}${begin}${'x'.repeat(100_000)}`);
  await until(() => openIn(world.folder).length === 1, 'a file is being written');
  t.regex(world.left()[0]!, /^\.upload-/);
  return socket;
}

test('files are saved under names that no client has a part in, and fields are there beside them', async t => {
  const {url, folder, left} = await saving(t, {
    answer: ({files, fields}) => ({
      files: files.map(({path, ...each}) => ({
        ...each,
        folder: join(path, '..'),
        isUuid: /^[\da-f-]{36}$/.test(basename(path)),
      })),
      fields: [...fields],
    }),
  });
  const body = form(
    ['title', 'Holidays'],
    ['up', file('Hello', '../../passwd')],
    ['note', 'é'],
    ['up', file('', 'empty', 'image/png')],
  );
  const answer = await fetch(url, {method: 'POST', body});
  const saved = {field: 'up', folder, isUuid: true};
  t.deepEqual(await answer.json(), {
    files: [
      {...saved, filename: 'passwd', type: 'text/plain', size: 5},
      {...saved, filename: 'empty', type: 'image/png', size: 0},
    ],
    fields: [
      ['title', 'Holidays'],
      ['note', 'é'],
    ],
  });
  t.is(left().length, 2);
  t.deepEqual(openIn(folder), []);
});

test('a large file arrives whole, piece by piece', async t => {
  const {url} = await saving(t, {
    answer: ({files}) => files.map(({path, size}) => [size, readFileSync(path).equals(bytes)]),
  });
  const bytes = Buffer.alloc(5_000_000, 'Hello\r\n--');
  const answer = await fetch(url, {method: 'POST', body: form(['up', new File([bytes], 'a')])});
  t.deepEqual(await answer.json(), [[5_000_000, true]]);
});

test('a file input that was left empty is no file, whatever types are taken', async t => {
  const {url} = await saving(t, {options: {types: ['image/*']}});
  t.deepEqual(await (await fetch(url, {method: 'POST', body: form(['up', new File([], '')])})).json(), []);
});

test('progress is told as files are written', async t => {
  const told: UploadProgress[] = [];
  const {url} = await saving(t, {options: {onProgress: progress => void told.push(progress)}});
  const body = form(['a', file('x'.repeat(500_000))], ['b', file('y')]);
  await fetch(url, {method: 'POST', body});
  t.true(told.length > 3);
  const last = told.at(-1)!;
  t.deepEqual([last.field, last.written], ['b', 500_001]);
  t.true(last.total! > 500_001);
  t.true(told.every(({written}, i) => written > (told[i - 1]?.written ?? 0)));
});

const refused: readonly [string, FormData, SaveUploadsOptions, number, object][] = [
  ['a file that is too large', form(['up', file('x'.repeat(11))]), {maxFileSize: 10}, 413, {field: 'up', limit: 10}],
  ['one file too many', form(['a', file('x')], ['b', file('y')]), {maxFiles: 1}, 413, {limit: 1}],
  [
    'a file of another type',
    form(['a', file('x')]),
    {types: ['image/*', 'application/pdf']},
    415,
    {field: 'a', types: ['image/*', 'application/pdf']},
  ],
  [
    'fields that are too large together',
    form(['a', 'x'.repeat(60)], ['b', 'x'.repeat(60)]),
    {maxFieldSize: 100},
    413,
    {limit: 100},
  ],
  ['a field that is too large', form(['a', 'x'.repeat(101)]), {maxFieldSize: 100}, 413, {field: 'a', limit: 100}],
];
for (const [what, body, options, status, members] of refused) {
  test(`${what} is a ${status} that says what is allowed, and nothing is left of the files before it`, async t => {
    const world = await saving(t, {options});
    const before = form(
      ['first', file('saved already', 'a.pdf', 'application/pdf')],
      ...([...body] as [string, File][]),
    );
    for (const sent of options.maxFiles === undefined && !options.maxFileSize ? [body, before] : [body]) {
      const answer = await fetch(world.url, {method: 'POST', body: sent});
      t.is(answer.status, status);
      t.like(await answer.json(), members);
      await gone(t, world);
    }
    t.deepEqual(world.log, []);
  });
}

test('types are compared in any case, and may be a range', async t => {
  const {url} = await saving(t, {options: {types: ['IMAGE/PNG', 'text/*']}});
  const post = async (type: string) =>
    (await fetch(url, {method: 'POST', body: form(['a', file('x', 'a', type)])})).status;
  t.deepEqual(
    await Promise.all(['image/png', 'text/plain', 'image/jpeg', 'textual/plain'].map(post)),
    [200, 200, 415, 415],
  );
});

const unreadable: Record<string, string> = {
  'a part of no name': '--B\r\nContent-Disposition: form-data; filename="a"\r\n\r\nx\r\n--B--',
  'a part whose headers never end': `--B\r\nContent-Disposition: form-data; name="a"\r\nX: ${'x'.repeat(200_000)}`,
  'a form that is cut half-way': begin,
  'another boundary at its end': `${begin}x\r\n--C--`,
};
for (const [what, rest] of Object.entries(unreadable)) {
  test(`${what} is a 400, and nothing is left of the file before it`, async t => {
    const world = await saving(t);
    const headers = {'Content-Type': 'multipart/form-data; boundary=B'};
    const answer = await fetch(world.url, {method: 'POST', headers, body: `${begin}${'x'.repeat(100_000)}\r\n${rest}`});
    t.is(answer.status, 400);
    await gone(t, world);
    t.deepEqual(world.log, []);
  });
}

test('ten thousand fields, or files, are a 413 and leave nothing', async t => {
  const world = await saving(t);
  const headers = {'Content-Type': 'multipart/form-data; boundary=B'};
  for (const name of ['name="a"', 'name="a"; filename="a"']) {
    const body = `${`--B\r\nContent-Disposition: form-data; ${name}\r\n\r\nx\r\n`.repeat(10_000)}--B--`;
    t.is((await fetch(world.url, {method: 'POST', headers, body})).status, 413);
    await gone(t, world);
  }
  t.deepEqual(world.log, []);
});

test('ten thousand files can be saved where that is allowed', async t => {
  const {url, left} = await saving(t, {
    options: {maxFiles: 10_000, maxFileSize: 100},
    answer: ({files}) => String(files.length),
  });
  const headers = {'Content-Type': 'multipart/form-data; boundary=B'};
  const body = `${`${begin}x\r\n`.repeat(10_000)}--B--`;
  t.is(await (await fetch(url, {method: 'POST', headers, body})).text(), '10000');
  t.is(left().length, 10_000);
});

const failing: Record<string, (uploads: SavedUploads, request: Request, response: Response) => unknown> = {
  'throws an error of the application': () => {
    throw new Error('database');
  },
  'refuses what was sent': () => {
    throw createError(422, 'A holiday needs a title.');
  },
  'sets the status of an error': (_uploads, _request, response) => {
    response.status = 409;
    return 'There is one already.';
  },
  'returns what can’t be sent': () => new Map(),
  'gives a stream that fails at once': () => createReadStream('/there/is/none'),
};
for (const [what, answer] of Object.entries(failing)) {
  test(`nothing is left when the handler ${what}`, async t => {
    const world = await saving(t, {answer});
    const given = await fetch(world.url, {method: 'POST', body: form(['up', file('x')])});
    t.true(given.status >= 400);
    t.deepEqual(world.left(), [], 'before the answer is there');
  });
}

test('nothing is left of an upload whose time was over before it was saved', async t => {
  for (const size of [1, 1000, 100_000]) {
    let pass = () => undefined as void;
    const world = await saving(t, {options: {onProgress: () => pass()}, site: {handlerTimeout: 1000}});
    pass = () => world.clock.advance(1000);
    t.is((await fetch(world.url, {method: 'POST', body: form(['up', file('x'.repeat(size))])})).status, 503);
    await gone(t, world);
  }
});

test('nothing is saved of an upload when its request was answered before it was read', async t => {
  const answered = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<unknown>();
  class Early implements Middleware {
    handle(_request: Request, _response: Response, next: Next) {
      next().catch(failed.resolve);
      return 'early';
    }
  }
  const world = await saving(t, {before: () => answered.promise, site: {use: [Early]}});
  const headers = {'content-type': 'multipart/form-data; boundary=B'};
  const answer = await world.site.handle({method: 'POST', headers, body: `${begin}x\r\n--B--`});
  t.is(answer.body, 'early');
  answered.resolve();
  t.like(await failed.promise, {name: 'AbortError'});
  await gone(t, world);
});

test('a file that the handler has moved elsewhere is its own, whatever is answered', async t => {
  let kept = '';
  const world = await saving(t, {
    answer({files: [first]}) {
      kept = join(first!.path, '../../kept');
      renameSync(first!.path, kept);
      throw createError(422, 'And yet.');
    },
  });
  t.is((await fetch(world.url, {method: 'POST', body: form(['up', file('x')], ['up', file('y')])})).status, 422);
  t.is(readFileSync(kept, 'utf8'), 'x');
  t.deepEqual(world.left(), []);
});

test('what a listener to the progress throws ends the upload, and nothing is left', async t => {
  const world = await saving(t, {
    options: {
      onProgress() {
        throw new Error('progress');
      },
    },
  });
  t.is((await fetch(world.url, {method: 'POST', body: form(['up', file('x')])})).status, 500);
  await gone(t, world);
});

test('a client that goes while a file is written leaves nothing, be it by an end, a reset or a cut', async t => {
  for (const leave of ['end', 'resetAndDestroy', 'destroy'] as const) {
    const world = await saving(t);
    const socket = await halfway(t, world);
    socket[leave]();
    await gone(t, world);
    t.deepEqual(world.log, []);
  }
});

test('a client that goes at any byte of the first part leaves nothing', async t => {
  const world = await saving(t);
  const sent = `${headOf()}${begin}xyz\r\n--B\r\nContent-`;
  const from = headOf().length - 2;
  const go = async (at: number) => {
    const socket = connect(Number(new URL(world.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(sent.slice(0, at), () => socket.destroy());
    await once(socket, 'close');
  };
  for (let at = from; at <= sent.length; at += 10) await Promise.all(Array.from({length: 10}, (_, i) => go(at + i)));
  await gone(t, world);
  t.is((await fetch(world.url, {method: 'POST', body: form(['up', file('x')])})).status, 200);
  t.deepEqual(world.log, []);
});

test('a client that is killed while a file is written leaves nothing', async t => {
  const world = await saving(t);
  const program = `
    const socket = require('node:net').connect(${new URL(world.url).port}, '127.0.0.1');
    socket.write(${JSON.stringify(headOf() + begin)});
    setInterval(() => socket.write('x'.repeat(10000)), 5);`;
  const child = spawn(process.execPath, ['-e', program]);
  t.teardown(() => child.kill('SIGKILL'));
  await until(() => openIn(world.folder).length === 1, 'a file is being written');
  child.kill('SIGKILL');
  await gone(t, world);
  t.deepEqual(world.log, []);
});

test('an HTTP/2 client that takes its upload back leaves nothing', async t => {
  const tls = await selfSigned();
  const world = await saving(t, {listen: {tls}});
  const client = connectHttp2(world.url, {rejectUnauthorized: false});
  client.on('error', () => undefined);
  t.teardown(() => client.destroy());
  for (const leave of [(stream: ReturnType<typeof upload>) => stream.close(8), () => client.destroy()]) {
    const stream = upload();
    stream.write(`${begin}${'x'.repeat(50_000)}`);
    await until(() => openIn(world.folder).length === 1, 'a file is being written');
    leave(stream);
    await gone(t, world);
  }
  t.deepEqual(world.log, []);

  function upload() {
    const headers = {':method': 'POST', ':path': '/', 'content-type': 'multipart/form-data; boundary=B'};
    return client.request(headers).on('error', () => undefined);
  }
});

test('a client that stops in the middle is let go after requestTimeout, and nothing is left', async t => {
  const world = await saving(t, {listen: {requestTimeout: 500, connectionsCheckingInterval: 50}});
  const socket = await halfway(t, world);
  await gone(t, world);
  await once(socket.resume(), 'close');
  t.deepEqual(world.log, []);
});

test('close() cuts an upload that does not come to its end, and nothing is left', async t => {
  const world = await saving(t);
  await halfway(t, world);
  await world.site.close();
  await gone(t, world);
});

test('a folder that can’t be written to is an error of the site, and a folder that goes meanwhile too', async t => {
  const blocked = await saving(t);
  writeFileSync(blocked.folder, '');
  const body = form(['up', file('x')]);
  t.is((await fetch(blocked.url, {method: 'POST', body})).status, 500);
  t.is(blocked.log.length, 1);
  const world = await saving(t);
  const socket = await halfway(t, world);
  rmSync(world.folder, {recursive: true});
  const rest = '\r\n--B--';
  socket.write('x'.repeat(10_000_000 - begin.length - 100_000 - rest.length) + rest);
  t.regex(String((await once(socket, 'data'))[0]), /^HTTP\/1.1 500 /);
  await gone(t, world);
});

test('a disk that takes no more is an error of the site: nothing is left, and later uploads are saved', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'uploads-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const program = new URL('full-disk-process.js', import.meta.url).pathname;
  // As with a full disk it is the kernel that refuses to write: here more than 100 blocks to one file.
  const command = 'ulimit -f 100; exec "$0" "$@"';
  const stdio = ['ignore', 'ignore', 'pipe', 'ipc'] as const;
  const child = spawn('sh', ['-c', command, process.execPath, program, folder], {stdio: [...stdio]});
  t.teardown(() => child.kill());
  const [url] = (await once(child, 'message')) as [string];
  const post = async (size: number) => {
    const body = form(['a', file('x')], ['b', file('y'.repeat(size))]);
    return (await fetch(url, {method: 'POST', body})).status;
  };
  t.deepEqual([await post(1_000_000), readdirSync(folder)], [500, []]);
  t.deepEqual([await post(1), readdirSync(folder).length], [200, 2]);
  const open = readdirSync(`/proc/${child.pid}/fd`).map(fd => readlinkSync(`/proc/${child.pid}/fd/${fd}`));
  t.deepEqual(
    open.filter(path => path.startsWith(folder)),
    [],
  );
});

test('what was in the folder stays', async t => {
  const world = await saving(t, {options: {maxFileSize: 1}});
  mkdirSync(world.folder);
  writeFileSync(join(world.folder, 'mine'), '');
  t.is((await fetch(world.url, {method: 'POST', body: form(['up', file('xx', 'mine')])})).status, 413);
  await until(() => world.left().length === 1);
  t.deepEqual(world.left(), ['mine']);
});

test('a body of another type is a 415, and options that can’t be meant so are refused', async t => {
  const {url} = await saving(t);
  const answer = await fetch(url, {method: 'POST', body: new URLSearchParams('a=1')});
  t.deepEqual([answer.status, answer.headers.get('Accept')], [415, 'multipart/form-data']);
  const call = async (options: object, folder = 'x') => saveUploads({} as Request, folder, options);
  for (const options of [{types: 'image/png'}, {types: ['png']}, {types: []}, {maxFiles: 0}, {maxSize: 1}]) {
    await t.throwsAsync(call(options), {code: 'OPTION_INVALID'});
  }
  await t.throwsAsync(call({}, ''), {code: 'OPTION_INVALID', message: /the folder must be a text that is not empty/});
});

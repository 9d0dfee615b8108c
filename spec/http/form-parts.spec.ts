import test from 'ava';
import {isHttpError} from 'http-errors';
import {FormParts, type FormPart} from '../../src/http/form-parts.ts';

const type = 'multipart/form-data; boundary=B';
const file = (content: string, parameters = 'name="up"; filename="a.txt"', ...headers: string[]) =>
  `--B\r\n${[`Content-Disposition: form-data; ${parameters}`, ...headers].join('\r\n')}\r\n\r\n${content}\r\n`;
const field = (name: string, content: string) => file(content, `name="${name}"`);
const limits = {fieldLimit: 10, bodyLimit: 1000};

/** The parts of a form that comes in pieces of this size. `state` says how many of them were asked for, and whether they were given back. */
function parts(body: string, size = 7, given = limits) {
  const bytes = Buffer.from(body);
  const state = {asked: 0, isReturned: false};
  async function* pieces() {
    try {
      for (let at = 0; at < bytes.length; at += size) {
        state.asked += 1;
        yield bytes.subarray(at, at + size);
      }
    } finally {
      state.isReturned = true;
    }
  }
  return {parts: new FormParts(pieces, type, given), state};
}

/** The status of the error that this ends in. */
async function statusOf(act: () => unknown): Promise<number | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

async function first({parts: all}: ReturnType<typeof parts>): Promise<FormPart> {
  return (await all.next()).value as FormPart;
}

test('parts come in the order they were sent, plain fields too', async t => {
  const given: unknown[] = [];
  const body =
    field('a', '1') + file('Hello', undefined, 'Content-Type: Text/Plain; charset=utf-8') + field('b', '') + '--B--';
  for await (const {name, filename, type: media, ...part} of parts(body).parts) {
    given.push([name, filename, media, Object.keys(part)]);
  }
  t.deepEqual(given, [
    ['a', undefined, 'text/plain', ['headers']],
    ['up', 'a.txt', 'text/plain', ['headers']],
    ['b', undefined, 'text/plain', ['headers']],
  ]);
});

test('a part has its content as text, as bytes, or in pieces', async t => {
  const body = `${field('a', 'é')}${file('\0\r\n--b')}${file('x'.repeat(100))}--B--`;
  const {parts: all} = parts(body);
  const next = async () => (await all.next()).value as FormPart;
  t.is(await (await next()).text(), 'é');
  t.deepEqual(await (await next()).bytes(), Buffer.from('\0\r\n--b'));
  const sizes: number[] = [];
  for await (const piece of await next()) sizes.push(piece.length);
  t.is(
    sizes.reduce((sum, size) => sum + size),
    100,
  );
  t.true(sizes.length > 10);
  t.true((await all.next()).done);
});

test('the headers of a part are there by lower-case name, and none is one that objects have', async t => {
  const part = await first(parts(file('', undefined, 'X-A: é', '__proto__: p') + '--B--'));
  t.deepEqual(
    {...part.headers},
    {'content-disposition': 'form-data; name="up"; filename="a.txt"', 'x-a': 'é', ['__proto__']: 'p'},
  );
  t.is(part.headers['toString'], undefined);
  t.is(part.type, 'application/octet-stream', 'a file that says no type');
});

test('the name of a file is no path, and safe for any system', async t => {
  const names: Record<string, string> = {
    '../../etc/passwd': 'passwd',
    'C:\\fakepath\\con.txt': '_con.txt',
    '..': '',
    '': '',
    'a\u202etxt.exe': 'a_txt.exe',
  };
  for (const [name, safe] of Object.entries(names)) {
    t.is((await first(parts(file('', `name=a; filename="${name}"`) + '--B--'))).filename, safe);
  }
});

test('a part that is not read is passed over, and so is what is left of one', async t => {
  const {parts: all} = parts(`${file('x'.repeat(500))}${file('y'.repeat(500))}${field('a', '1')}--B--`);
  const names: string[] = [];
  for await (const part of all) {
    names.push(part.name);
    if (names.length === 2) await part[Symbol.asyncIterator]().next();
    if (names.length === 3) t.is(await part.text(), '1');
  }
  t.deepEqual(names, ['up', 'up', 'a']);
});

test('a part that has been passed can be read no more', async t => {
  const {parts: all} = parts(`${file('x'.repeat(50))}${file('y')}--B--`);
  const {value: passed} = (await all.next()) as {value: FormPart};
  const {value: next} = (await all.next()) as {value: FormPart};
  await t.throwsAsync(passed.text(), {code: 'BODY_TAKEN', message: /has been passed/});
  t.is(await next.text(), 'y', 'and the next one is whole');
  t.is(await next.text(), '', 'it is read once');
  await all.next();
  t.is(await next.text(), '');
});

test('nothing is asked for before a part is, and of a part only what is read', async t => {
  const {parts: all, state} = parts(`${file('x'.repeat(10_000))}--B--`);
  t.is(state.asked, 0);
  const {value: part} = (await all.next()) as {value: FormPart};
  const asked = state.asked;
  t.true(asked < 20);
  const pieces = part[Symbol.asyncIterator]();
  await pieces.next();
  await pieces.next();
  t.true(state.asked <= asked + 2);
});

test('who leaves the form lets its source go', async t => {
  const {parts: all, state} = parts(`${file('x'.repeat(1000))}${file('y')}--B--`);
  for await (const part of all) {
    t.is(part.name, 'up');
    break;
  }
  t.true(state.isReturned);
  t.true((await all.next()).done);
});

test('a form that breaks off is a 400: for who reads a part, for who asks for the next, and again', async t => {
  const {parts: all} = parts(file('x'.repeat(100)).trimEnd());
  const {value: part} = (await all.next()) as {value: FormPart};
  t.is(await statusOf(() => part.bytes()), 400);
  t.is(await statusOf(() => part.bytes()), 400);
  t.is(await statusOf(() => all.next()), 400);
  t.is(await statusOf(() => all.next()), 400);
  t.is(await statusOf(() => parts('').parts.next()), 400);
});

test('a part that can’t be read is a 400 when its turn comes, one too many a 413, an encoded one a 415', async t => {
  const {parts: all} = parts(`${file('x')}${file('y', 'filename="a"')}--B--`);
  t.is(((await all.next()).value as FormPart).name, 'up');
  t.is(await statusOf(() => all.next()), 400);
  const two = parts(`${field('a', '1').repeat(3)}--B--`, 7, {...limits, fieldLimit: 2}).parts;
  await two.next();
  await two.next();
  t.is(await statusOf(() => two.next()), 413);
  t.is(await statusOf(() => parts(file('x', undefined, 'Content-Transfer-Encoding: base64')).parts.next()), 415);
});

test('a part that is read as a whole has a limit of its own', async t => {
  const body = `${field('a', 'x'.repeat(1001))}--B--`;
  await t.throwsAsync((await first(parts(body))).text(), {message: 'The field "a" is larger than 1000 bytes.'});
  t.like(await t.throwsAsync((await first(parts(body))).bytes({limit: 9})), {status: 413, field: 'a', limit: 9});
  t.is((await (await first(parts(body))).bytes({limit: 1001})).length, 1001);
});

test('a body of another type is a 415 that says what is taken, one without a boundary a 400; nothing is opened', t => {
  const make = (given: string | undefined) => () => new FormParts(() => t.fail(), given, limits);
  for (const other of [undefined, '', 'application/json', 'multipart/mixed; boundary=B']) {
    t.like(t.throws(make(other)), {status: 415, headers: {Accept: 'multipart/form-data'}});
  }
  for (const other of ['multipart/form-data', 'multipart/form-data; boundary=""'])
    t.like(t.throws(make(other)), {status: 400});
});

test('a text is in the charset that its part names', async t => {
  const head = '--B\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\n';
  const bytes = Buffer.concat([Buffer.from(head), Buffer.from([0xe9]), Buffer.from('\r\n--B--')]);
  async function* pieces() {
    yield bytes;
  }
  const {value: part} = (await new FormParts(pieces, type, limits).next()) as {value: FormPart};
  t.is(await part.text(), 'é');
});

test('who asks for the next part while one is being read gets it after that, and nothing is lost', async t => {
  const {parts: all} = parts(`${field('a', 'x'.repeat(20))}${field('b', 'y'.repeat(20))}--B--`, 3);
  const {value: one} = (await all.next()) as {value: FormPart};
  const piece = one[Symbol.asyncIterator]().next();
  const next = all.next();
  t.is(String((await piece).value), 'xxx'.slice(0, (await piece).value!.length));
  t.is(await ((await next).value as FormPart).text(), 'y'.repeat(20));
});

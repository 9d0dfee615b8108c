import test from 'ava';
import {Post, Resource, type Request} from 'espalier';
import {testSite} from 'espalier/testing';
import {isHttpError} from 'http-errors';
import {decodeBody, decodeForm, decodeJson, decodeText} from '../../src/http/body.ts';

/** The status and text of the error that this ends in. */
async function refusal(act: () => unknown): Promise<[number, string] | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return isHttpError(error) ? [error.status, error.message] : [0, String(error)];
  }
}

/** A multipart body as a browser sends it. */
async function multipart(entries: readonly (readonly [string, string | File])[]) {
  const form = new FormData();
  for (const [name, value] of entries) form.append(name, value as string);
  const sent = new Response(form);
  return {bytes: Buffer.from(await sent.arrayBuffer()), headers: {'content-type': sent.headers.get('content-type')!}};
}

const json = {'content-type': 'application/json'};
const urlEncoded = {'content-type': 'application/x-www-form-urlencoded'};

test('text is UTF-8 unless its type names another charset', t => {
  const bytes = Buffer.from('é');
  t.is(decodeText(bytes, {}), 'é');
  t.is(decodeText(bytes, {'content-type': 'text/plain'}), 'é');
  t.is(decodeText(bytes, {'content-type': 'text/plain; charset="UTF-8"'}), 'é');
  t.is(decodeText(Buffer.from([0xe9]), {'content-type': 'text/plain; charset=ISO-8859-1'}), 'é');
});

test('bytes that are not text of the charset are a 400', async t => {
  t.deepEqual(await refusal(() => decodeText(Buffer.from([0xff]), {})), [400, 'The body is not utf-8 text.']);
});

test('an unknown charset is a 415', async t => {
  const headers = {'content-type': 'text/plain; charset=klingon'};
  t.deepEqual(await refusal(() => decodeText(Buffer.from('x'), headers)), [
    415,
    'The charset "klingon" is not known here.',
  ]);
});

for (const type of [
  'application/json',
  'Application/JSON; charset=utf-8',
  'application/problem+json',
  'application/json ;a=b',
]) {
  test(`JSON is taken as ${type}`, async t => {
    t.deepEqual(await decodeJson(Buffer.from('{"a":[1,null]}'), {'content-type': type}), {a: [1, null]});
  });
}

for (const type of [
  '',
  'text/plain',
  'text/json',
  'application/jsonp',
  'application/x-www-form-urlencoded',
  'json',
  'a/b, application/json',
]) {
  test(`JSON as another type is a 415: ${JSON.stringify(type)}`, async t => {
    const headers = {'content-type': type};
    t.deepEqual(await refusal(() => decodeJson(Buffer.from('{}'), headers)), [
      415,
      'The body must be application/json.',
    ]);
  });
}

for (const text of ['', '{', '{"a":}', "{'a':1}", 'undefined', '1 2']) {
  test(`what is not JSON is a 400 that does not repeat it: ${JSON.stringify(text)}`, async t => {
    t.deepEqual(await refusal(() => decodeJson(Buffer.from(text), json)), [400, 'The body is not JSON.']);
  });
}

test('JSON in no UTF-8 is a 400, in an unknown charset a 415', async t => {
  t.is((await refusal(() => decodeJson(Buffer.from([0x22, 0xff, 0x22]), json)))?.[0], 400);
  const headers = {'content-type': 'application/json; charset=klingon'};
  t.is((await refusal(() => decodeJson(Buffer.from('1'), headers)))?.[0], 415);
});

test('__proto__ in JSON is a name like any other and pollutes nothing', async t => {
  const value = (await decodeJson(Buffer.from('{"__proto__":{"isAdmin":true}}'), json)) as object;
  t.deepEqual(Object.keys(value), ['__proto__']);
  t.is(Object.getPrototypeOf(value), Object.prototype);
  t.false('isAdmin' in {});
});

test('a URL-encoded form has every field, in order, decoded', async t => {
  const form = decodeForm(Buffer.from('a=1&b=x+y%26z&a=%C3%A9&__proto__=p&c'), urlEncoded);
  t.deepEqual(
    [...form],
    [
      ['a', '1'],
      ['b', 'x y&z'],
      ['a', 'é'],
      ['__proto__', 'p'],
      ['c', ''],
    ],
  );
});

test('an empty URL-encoded form has no field', async t => {
  t.deepEqual([...decodeForm(Buffer.alloc(0), urlEncoded)], []);
});

test('a multipart form has its fields, in their charset', async t => {
  const {bytes, headers} = await multipart([
    ['a', 'é\n€'],
    ['a', ''],
    ['__proto__', 'p'],
  ]);
  t.deepEqual(
    [...decodeForm(bytes, headers)],
    [
      ['a', 'é\r\n€'],
      ['a', ''],
      ['__proto__', 'p'],
    ],
  );
});

test('a file of a multipart form is a File with its name, type and bytes', async t => {
  const {bytes, headers} = await multipart([['up', new File(['a\0', 'é'], 'naïve "x".txt', {type: 'text/x-a'})]]);
  const file = decodeForm(bytes, headers).get('up') as File;
  t.is(file.name, 'naïve "x".txt');
  t.is(file.type, 'text/x-a');
  t.deepEqual(Buffer.from(await file.arrayBuffer()), Buffer.from('a\0é'));
});

test('fields and files keep the order they were sent in', async t => {
  const file = () => new File(['x'.repeat(200_000)], 'x');
  const {bytes, headers} = await multipart([
    ['a', '1'],
    ['up', file()],
    ['b', '2'],
    ['up', file()],
    ['c', '3'],
  ]);
  t.deepEqual([...decodeForm(bytes, headers).keys()], ['a', 'up', 'b', 'up', 'c']);
});

test('a field of several megabytes is not cut short', async t => {
  const {bytes, headers} = await multipart([['long', 'x'.repeat(3_000_000)]]);
  t.is((decodeForm(bytes, headers).get('long') as string).length, 3_000_000);
});

test('a file input left empty is a File without name and bytes', async t => {
  const {bytes, headers} = await multipart([['up', new File([], '')]]);
  const file = decodeForm(bytes, headers).get('up') as File;
  t.deepEqual([file.name, file.size], ['', 0]);
});

for (const missing of [1, 4, 40, 1000]) {
  test(`a multipart form that lacks its last ${missing} bytes is a 400`, async t => {
    const {bytes, headers} = await multipart([
      ['a', '1'],
      ['up', new File(['x'.repeat(2000)], 'x')],
    ]);
    const cut = bytes.subarray(0, bytes.length - 4 - missing);
    t.deepEqual(await refusal(() => decodeForm(cut, headers)), [400, 'The body is not a complete multipart form.']);
  });
}

test('a multipart form with nothing in it, no boundary or another one is a 400', async t => {
  const {bytes, headers} = await multipart([['a', '1']]);
  for (const [body, type] of [
    [Buffer.alloc(0), headers['content-type']],
    [bytes, 'multipart/form-data'],
    [bytes, 'multipart/form-data; boundary=other'],
  ] as const) {
    t.is((await refusal(() => decodeForm(body, {'content-type': type})))?.[0], 400, type);
  }
});

for (const type of ['', 'text/plain', 'application/json', 'multipart/mixed; boundary=x']) {
  test(`a form as another type is a 415: ${JSON.stringify(type)}`, async t => {
    const headers = {'content-type': type};
    const expected = 'The body must be application/x-www-form-urlencoded or multipart/form-data.';
    t.deepEqual(await refusal(() => decodeForm(Buffer.from('a=1'), headers)), [415, expected]);
  });
}

test('a form of more than 1,000 fields is a 413, however small', async t => {
  const tooMany: [number, string] = [413, 'The form has more than 1000 fields.'];
  const encoded = (fields: number) => decodeForm(Buffer.from(Array(fields).fill('a=b').join('&')), urlEncoded);
  t.is([...encoded(1000)].length, 1000);
  t.deepEqual(await refusal(() => encoded(1001)), tooMany);
  const entries = (fields: number) => Array.from({length: fields}, () => ['a', 'b'] as const);
  const most = await multipart(entries(1000));
  t.is([...decodeForm(most.bytes, most.headers)].length, 1000);
  const more = await multipart(entries(1001));
  t.deepEqual(await refusal(() => decodeForm(more.bytes, more.headers)), tooMany);
});

test('a field of a URL-encoded form has a blank for each plus, a million too', t => {
  t.is(decodeForm(Buffer.from('a+b=c+%2B+é'), urlEncoded).get('a b'), 'c + é');
  t.is(decodeForm(Buffer.from(`a=${'+'.repeat(1_000_000)}`), urlEncoded).get('a'), ' '.repeat(1_000_000));
});

test('a field of a multipart form is text in the charset that it names', async t => {
  const form = (value: Buffer, charset: string) => {
    const head = `--b\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: text/plain; charset=${charset}\r\n\r\n`;
    const bytes = Buffer.concat([Buffer.from(head), value, Buffer.from('\r\n--b--\r\n')]);
    return decodeForm(bytes, {'content-type': 'multipart/form-data; boundary=b'});
  };
  t.is(form(Buffer.from([0xe9]), 'iso-8859-1').get('a'), 'é');
  t.deepEqual(await refusal(() => form(Buffer.from([0xe9]), 'utf-8')), [400, 'The body is not utf-8 text.']);
  t.is((await refusal(() => form(Buffer.from('x'), 'klingon')))?.[0], 415);
});

test('a form that can’t be read is the mistake of its sender: no line in the log', async t => {
  @Resource()
  class Form {
    @Post()
    async names(request: Request) {
      return [...(await request.form()).keys()];
    }
  }
  const {visitor, log} = testSite(Form);
  const type = 'multipart/form-data; boundary=b';
  for (const body of [
    '',
    '--b\r\n',
    '--b\r\n\r\n\r\n--b--',
    '--b\r\nContent-Disposition: form-data\r\n\r\n\r\n--b--',
  ]) {
    const {status} = await visitor().post('/', {body, headers: {'Content-Type': type}});
    t.is(status, 400);
  }
  t.deepEqual(log, []);
});

test('a body of a wrong type says in Accept what would be taken', async t => {
  const accepted = async (act: () => unknown) => {
    const error = await t.throwsAsync(async () => act());
    return (error as unknown as {headers: Record<string, string>}).headers;
  };
  const headers = {'content-type': 'text/plain'};
  t.deepEqual(await accepted(() => decodeJson(Buffer.from('1'), headers)), {Accept: 'application/json'});
  const forms = 'application/x-www-form-urlencoded, multipart/form-data';
  t.deepEqual(await accepted(() => decodeForm(Buffer.from('1'), headers)), {Accept: forms});
  t.deepEqual(await accepted(() => decodeBody(Buffer.from('1'), headers)), {Accept: `application/json, ${forms}`});
});

test('a body is what its type says: JSON, a form, or nothing where it is empty', async t => {
  const decoded = (body: string, type?: string) =>
    decodeBody(Buffer.from(body), type === undefined ? {} : {'content-type': type});
  t.deepEqual(await decoded('{"a":1}', 'application/json'), {a: 1});
  t.deepEqual(await decoded('[1]', 'application/feed+json; charset=utf-8'), [1]);
  t.deepEqual([...((await decoded('a=1', 'application/x-www-form-urlencoded')) as FormData)], [['a', '1']]);
  t.deepEqual([...((await decoded('', 'application/x-www-form-urlencoded')) as FormData)], []);
  for (const type of ['application/json', 'text/plain', undefined]) t.is(await decoded('', type), undefined);
});

import test from 'ava';
import {isHttpError} from 'http-errors';
import {MultipartParser, partsOf} from '../../src/http/multipart.ts';

/** The names and texts of the parts of a form whose boundary is `B`, or the status that it is refused with. */
function read(body: string, limit = 10): [name: string, text: string][] | number {
  try {
    return partsOf(Buffer.from(body), 'B', limit).map(({name, bytes}) => [name, String(bytes)]);
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

/** A form of one part with these headers. */
const part = (...headers: string[]) => `--B\r\n${headers.join('\r\n')}\r\n\r\n1\r\n--B--\r\n`;

const disposition = (parameters: string) => part(`Content-Disposition: form-data; ${parameters}`);

const a = 'Content-Disposition: form-data; name="a"';

/** The name of the one part, and of its file. */
function names(parameters: string): [name: string, filename: string | undefined] {
  const [{name, filename}] = partsOf(Buffer.from(disposition(parameters)), 'B', 1) as [ReturnType<typeof partsOf>[0]];
  return [name, filename];
}

const wholeForms: Record<string, string> = {
  'as browsers send it': part(a),
  'with blanks after a boundary': part(a).replaceAll(/--B(?:--)?/g, '$& \t '),
  'with a preamble': `Hello, --B\r\n${part(a)}`,
  'with an epilogue': `${part(a)}Bye.\r\n--B\r\n`,
  'without a line break at its end': part(a).trimEnd(),
  'with a header that goes on in a second line': part('Content-Disposition: form-data;', ' name="a"'),
  'with other headers': part('X-A:', a, 'Content-Transfer-Encoding: 8Bit', 'Content-Type: text/plain'),
};
for (const [how, body] of Object.entries(wholeForms)) {
  test(`a form is read ${how}`, t => t.deepEqual(read(body), [['a', '1']]));
}

test('a form may have no part, and a part no content', t => {
  t.deepEqual(read('--B--'), []);
  t.deepEqual(read(part(a).replace('1', '')), [['a', '']]);
});

test('what looks like a boundary inside a line is content', t => {
  t.deepEqual(read(part(a).replace('1', 'x--B\n--B-- \r--B')), [['a', 'x--B\n--B-- \r--B']]);
});

const unreadable: Record<string, string> = {
  'nothing at all': '',
  'no boundary': 'a=1',
  'no end': part(a).replace('--B--\r\n', ''),
  'an end that goes on in its line': part(a).replace('--B--', '--B--x'),
  'a boundary that goes on in its line': part(a).replace('--B', '--Bx'),
  'a part without headers': part(),
  'a part whose headers do not end': `--B\r\n${a}\r\n--B--\r\n`,
  'a part without a Content-Disposition': part('Content-Type: text/plain'),
  'a part with two': part(a, a.replace('"a"', '"b"')),
  'a part of another kind': part('Content-Disposition: attachment; name="a"'),
  'a part without a name': part('Content-Disposition: form-data'),
  'a file without a name of its field': disposition('filename="a"'),
  'a name that does not end': disposition('name="a'),
  'a name with something after it': disposition('name="a"b'),
  'a line that is no header': part(a, '\0\0'),
  'a line break that is none': part(a, 'X-A: 1\nX-B: 2'),
  'headers that are too long': part(a, `X-A: ${'a'.repeat(16 * 1024)}`),
  'headers that are too long together':
    part(a, `X-A: ${'a'.repeat(15 * 1024)}`)
      .replace('--B--\r\n', '')
      .repeat(9) + '--B--',
  'a boundary among its headers': part(a, '--B:x').replace('--B--', '--B:x--'),
  'the line break of a boundary for the end of its headers': `--B\r\n${a}\r\n\r\n--B--\r\n`,
  'the name of a file that is not UTF-8': disposition("name=a; filename*=UTF-8''%ff"),
  'the name of a file in another charset': disposition("name=a; filename*=ISO-8859-1''a"),
};
for (const [what, body] of Object.entries(unreadable)) {
  test(`a form is a 400, and never a part of itself, with ${what}`, t => t.is(read(body), 400));
}

test('headers that are not UTF-8 are a 400', t => {
  t.throws(() => partsOf(Buffer.from(disposition('name="\u00e9"'), 'latin1'), 'B', 1), {
    message: "A part of the form can't be read: its headers are not UTF-8.",
  });
});

test('a part that is encoded, which browsers never send, is a 415', t => {
  for (const encoding of ['base64', 'quoted-printable']) {
    t.is(read(part(a, `Content-Transfer-Encoding: ${encoding}`)), 415);
  }
});

test('of a form with too many parts none is read that is too much', t => {
  const most = part(a).replace('--B--\r\n', '').repeat(3);
  t.is(read(`${most}--B--`, 2), 413);
  t.is(read(`${most}--B\r\n\0`, 3), 413);
  t.is((read(`${most}--B--`, 3) as unknown[]).length, 3);
});

test('a quotation mark and line breaks in a name are as the form has them', t => {
  t.deepEqual(names('name="a%22b%0D%0Ac%0d"; filename="%22x%22.txt"'), ['a"b\r\nc\r', '"x".txt']);
  t.deepEqual(names('name="a\\"b"'), ['a"b', undefined], 'as older clients send it');
  t.deepEqual(names('name="100%25"'), ['100%25', undefined], 'nothing else is encoded');
  t.deepEqual(names('name="a\\"; filename="b"'), ['a\\', 'b'], 'a backslash is a character of a name');
});

test('parameters of a part are found in any case and order, with or without quotation marks', t => {
  t.deepEqual(names('FILENAME=f ;Name="a;name=b" ;'), ['a;name=b', 'f']);
  t.deepEqual(names(`name=a; filename="?"; filename*=utf-8'en'na%C3%AFve`), ['a', 'naïve']);
});

test("a file's name holds no path", t => {
  for (const path of ['../../etc/passwd', 'C:\\passwd', '/passwd', 'passwd']) {
    t.is(names(`name=a; filename="${path}"`)[1], 'passwd');
  }
  for (const path of ['..', '/a/.', 'a/']) t.is(names(`name=a; filename="${path}"`)[1], '');
});

/** What is read of a form that comes in chunks of this size: of each part its name and its content, or the status. */
function readInChunks(body: Buffer<ArrayBuffer>, size: number, limit = 10): [name: string, text: string][] | number {
  const parts: [string, string][] = [];
  const chunks = Array.from({length: Math.ceil(body.length / size)}, (_, i) => body.subarray(i * size, (i + 1) * size));
  try {
    const parser = new MultipartParser('B', limit);
    for (const piece of chunks.flatMap(chunk => [...parser.read(chunk)])) {
      if (piece instanceof Uint8Array) parts.at(-1)![1] += piece.toString('latin1');
      else parts.push([piece.name, '']);
    }
    parser.end();
    return parts;
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

test('a form is read the same wherever it is cut, and is refused the same', t => {
  const contents = ['x--B\n--B-- \r--B', '', '\r\n', '\r\n--', '\r\n-\r\n--A', '\r\r\n\r\r\n--\r\n--'];
  const forms = [
    ...contents.map(content => part(a).replace('1', content)),
    ...Object.values(wholeForms),
    ...Object.values(unreadable).filter(body => body.length < 1000),
    `${part(a).replace('--B--\r\n', '').repeat(3)}--B--`,
  ];
  for (const form of forms) {
    const body = Buffer.from(form);
    const whole = readInChunks(body, body.length);
    for (let size = 1; size < Math.min(body.length, 80); size += 1) t.deepEqual(readInChunks(body, size), whole, form);
  }
  t.deepEqual(
    contents.map(content => readInChunks(Buffer.from(part(a).replace('1', content)), 3)),
    contents.map(content => [['a', content]]),
  );
});

test('a form whose bytes come one by one is read, whatever repeats in it', t => {
  const size = 40_000;
  const bodies = {
    'line breaks': part(a).replace('1', '\r\n'.repeat(size / 2)),
    'what is almost a boundary': part(a).replace('1', '\r\n--A'.repeat(size / 5)),
    'blanks after a boundary': `--B${' '.repeat(size)}\r\n${a}\r\n\r\n1\r\n--B--`,
    'a preamble': `${'\r\n--'.repeat(size / 4)}\r\n${part(a)}`,
    'an epilogue': `${part(a)}${'\r\n--B'.repeat(size / 5)}`,
  };
  for (const [what, body] of Object.entries(bodies)) {
    const bytes = Buffer.from(body);
    t.deepEqual(readInChunks(bytes, 1), readInChunks(bytes, bytes.length), what);
    t.is((readInChunks(bytes, 1) as unknown[]).length, 1, what);
  }
});

test('a boundary longer than 70 characters is a 400: no client has one, and to look for it could take long', t => {
  const form = (boundary: string) => partsOf(Buffer.from(part(a).replaceAll('--B', `--${boundary}`)), boundary, 1);
  t.is(form('x'.repeat(70)).length, 1);
  t.throws(() => form('x'.repeat(71)), {message: 'The body is not a complete multipart form.'});
});

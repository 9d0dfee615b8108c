// The requests that cost a server most, each of the largest size that is allowed by default: what it is, and its bytes.
import {gzipSync} from 'node:zlib';

const bodyLimit = 1024 * 1024;
/** Node takes 16 KiB for the request line and the headers together; some of it is needed for what every request has. */
const headLimit = 15 * 1024;

const fill = (unit, size) => unit.repeat(Math.floor(size / unit.length));

/** As many units as fit, each made of its number. */
function filled(begin, unit, end, size = bodyLimit) {
  let text = begin;
  for (let i = 0; text.length + end.length + 40 < size; i += 1) text += unit(i);
  return text + end;
}

function post(path, type, body) {
  const bytes = Buffer.from(body, 'latin1');
  const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}Connection: close\r\n\r\n`), bytes]);
}

const get = (target, ...headers) =>
  Buffer.from(
    ['GET', target].join(' ') + [' HTTP/1.1', 'Host: localhost', ...headers, 'Connection: close', '', ''].join('\r\n'),
    'latin1',
  );

const json = body => post('/json', 'application/json', body);
const form = body => post('/form', 'application/x-www-form-urlencoded', body);
const multipart = (body, boundary = 'B') => post('/form', `multipart/form-data; boundary=${boundary}`, body);
const named = 'Content-Disposition: form-data; name="a"';
const word = number => number.toString(36);

const jsonBodies = {
  'lists in each other': fill('[', bodyLimit / 2) + fill(']', bodyLimit / 2),
  'lists that do not end': fill('[', bodyLimit),
  'objects in each other': fill('{"a":', bodyLimit - 200_000) + '1' + fill('}', 170_000),
  'empty lists': `[${fill('[],', bodyLimit - 9)}1]`,
  'empty objects': `[${fill('{},', bodyLimit - 9)}1]`,
  numbers: `[${fill('1,', bodyLimit - 9)}1]`,
  fractions: `[${fill('1e-7,', bodyLimit - 9)}1]`,
  'one long number': fill('9', bodyLimit),
  'one long text': `"${fill('a', bodyLimit - 2)}"`,
  'a text of escapes': `"${fill('\\u0041', bodyLimit - 2)}"`,
  'many names': filled('{', i => `"${word(i)}":1,`, '"z":1}'),
  'names that are numbers': filled('{', i => `"${(i * 65_537) % 4_294_967_291}":1,`, '"z":1}'),
  'objects of many shapes': filled('[', i => `{"${word(i)}":1},`, '1]'),
  'many texts': filled('[', i => `"${word(i)}",`, '1]'),
  'many names, then numbers': `[${filled('', i => (i < 9_000 ? `{"${word(i)}":1},` : '1,'), '1]')}`,
  'records, as they are sent': filled('[', i => `{"id":${i},"name":"Ada ${i}","isNew":true},`, '1]'),
};

const formBodies = {
  'fields without a value': fill('&a', bodyLimit),
  separators: fill('&', bodyLimit),
  'one field of blanks': fill('+', bodyLimit),
  'one field of escapes': fill('%41', bodyLimit),
  'one field of broken escapes': fill('%', bodyLimit),
  'as many fields as are allowed': fill(`a=${fill('+b%41', 1040)}&`, bodyLimit).slice(0, -1),
};

const part = (head, content) => `--B\r\n${head}\r\n\r\n${content}\r\n`;
const multipartBodies = {
  'as many parts as are allowed': `${fill(part(named, fill('a', 1000)), bodyLimit - 9)}--B--`,
  'as many files as are allowed': `${fill(part(`${named}; filename="a"`, fill('a', 985)), bodyLimit - 9)}--B--`,
  'empty parts': `${fill(part(named, ''), bodyLimit - 9)}--B--`,
  'parts without headers': `${fill(part('', ''), bodyLimit - 9)}--B--`,
  'headers of a part': part(
    filled(named, i => `\r\nX-${i}: 1`, ''),
    '',
  ),
  'headers as long as is allowed': `${part(
    filled(named, i => `\r\nX-${word(i)}:`, '', 16_000),
    fill('a', 100_000),
  ).repeat(8)}--B--`,
  'parameters of a part': `${part(
    filled(named, i => `;${word(i)}=1`, '', 16_000),
    fill('a', 100_000),
  ).repeat(8)}--B--`,
  'quotation marks in a name': `${part(`${named.slice(0, -1)}${fill('\\"', 16_000)}"`, fill('a', 100_000)).repeat(8)}--B--`,
  'blanks after a boundary': `--B${fill(' ', bodyLimit - 3)}`,
  'line breaks': `--B\r\n${named}\r\n\r\n${fill('\r\n', bodyLimit - 100)}--B--`,
};

const longNames = `${part(`${named}; filename="${fill('. ', 15_000)}"`, '').repeat(8)}--B--`;

const packed = bytes => {
  const head = `POST /text HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n`;
  return Buffer.concat([Buffer.from(`${head}Content-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`), bytes]);
};

const nearBoundary = fill('a', 69);
const targets = {
  'a query of fields': `/head?${fill('&a', headLimit)}`,
  'a query of blanks': `/head?${fill('+', headLimit)}`,
  'a query of escapes': `/head?${fill('%41', headLimit)}`,
  'a path of segments': `/folder${fill('/a', headLimit)}`,
  'a path of as many segments as are allowed': `/folder${fill(`/${fill('%41', 12)}`, 998 * 13)}`,
  'a path of escapes': `/files/${fill('%41', headLimit)}`,
  'a path of dots': `/files/${fill('..a/', 3990)}`,
  'a path of slashes': fill('/', headLimit),
};

const headers = {
  'cookies without a value': `Cookie: ${fill('a;', headLimit)}`,
  'empty cookies': `Cookie: sid${fill(';', headLimit)}`,
  'many cookies': `Cookie: ${filled('', i => `${word(i)}=%41;`, '', headLimit)}`,
  'many cookies of the session': `Cookie: ${fill('sid=a;', headLimit)}`,
  'a cookie of escapes': `Cookie: a=${fill('%41', headLimit)}`,
  'many addresses': `X-Forwarded-For: ${fill('10.0.0.1,', headLimit)}`,
  'many addresses that are none': `X-Forwarded-For: ${fill(',', headLimit)}`,
  'many types': `Accept: ${fill('a/b;q=0.1,', headLimit)}`,
  'a type of parameters': `Accept: a/b${fill(';a=b', headLimit)}`,
  'many headers': filled('', i => `${word(i)}:\r\n`, 'a:', 9_000),
  'one header many times': fill('a:b\r\n', 10_000).trim(),
  'many origins': `Origin: ${fill('a', headLimit)}`,
};

const all = (kind, cases, make) =>
  Object.entries(cases).map(([name, text]) => ({name: `${kind}: ${name}`, bytes: make(text)}));

export const requests = [
  ...all('JSON', jsonBodies, json),
  ...all('URL-encoded', formBodies, form),
  ...all('multipart', multipartBodies, body => multipart(body)),
  {
    name: 'multipart: what is almost a boundary',
    bytes: multipart(
      `--${nearBoundary}b\r\n${named}\r\n\r\n${fill(`\r\n--${nearBoundary}`, bodyLimit - 200)}`,
      `${nearBoundary}b`,
    ),
  },
  ...all('streamed', multipartBodies, body => post('/parts', 'multipart/form-data; boundary=B', body)),
  {name: 'streamed: names of files', bytes: post('/parts', 'multipart/form-data; boundary=B', longNames)},
  {name: 'packed: a bomb', bytes: packed(gzipSync(Buffer.alloc(500 * bodyLimit)))},
  {
    name: 'packed: members without a byte',
    bytes: packed(Buffer.concat(Array(50_000).fill(gzipSync(''))).subarray(0, bodyLimit)),
  },
  ...['utf-8', 'gb18030', 'iso-2022-jp', 'shift_jis', 'utf-16le'].map(charset => ({
    name: `text: ${charset}`,
    bytes: post('/text', `text/plain; charset=${charset}`, fill('a', bodyLimit)),
  })),
  ...all('target', targets, target => get(target)),
  ...all('header', headers, header => get('/head', header)),
  ...all('header of a request that fails', headers, header => get('/nowhere', header)),
  {
    name: 'header: a content type of parameters',
    bytes: post('/json', `application/json${fill(';a=b', headLimit)}`, '{}'),
  },
];

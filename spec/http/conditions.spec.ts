import test from 'ava';
import {
  answerConditions,
  isRangeCurrent,
  isTag,
  refuseMatched,
  refuseUnmet,
  tagIn,
  timeOf,
} from '../../src/http/conditions.ts';
import {Request} from '../../src/http/request.ts';
import {Response} from '../../src/http/response.ts';

const changed = 'Fri, 27 Nov 2026 18:56:51 GMT';
const before = 'Fri, 27 Nov 2026 18:56:50 GMT';
const later = 'Fri, 27 Nov 2026 18:56:52 GMT';
const changedAt = Date.parse(changed);

interface Asked {
  readonly method?: string;
  readonly tag?: string | null;
}

/** The status of what is tagged and dated, for a request with these headers. */
function statusFor(headers: Record<string, string>, {method = 'GET', tag = '"7"'}: Asked = {}): number {
  const response = new Response();
  response.body = 'seven';
  if (tag !== null) response.setHeader('ETag', tag);
  response.setHeader('Last-Modified', changed);
  try {
    answerConditions(Request.from({method, headers}), response);
    return response.status;
  } catch (error) {
    return (error as {status: number}).status;
  }
}

for (const [title, headers, status] of [
  ['none', {}, 200],
  ['If-None-Match that names it', {'If-None-Match': '"1", W/"7"'}, 304],
  ['If-None-Match that does not', {'If-None-Match': '"1"'}, 200],
  ['If-None-Match *', {'If-None-Match': ' * '}, 304],
  ['If-Modified-Since the same moment', {'If-Modified-Since': changed}, 304],
  ['If-Modified-Since later', {'If-Modified-Since': later}, 304],
  ['If-Modified-Since before', {'If-Modified-Since': before}, 200],
  ['If-Modified-Since that is no date', {'If-Modified-Since': '7'}, 200],
  ['If-None-Match goes before If-Modified-Since', {'If-None-Match': '"1"', 'If-Modified-Since': later}, 200],
  ['If-Match that names it', {'If-Match': '"7"'}, 200],
  ['If-Match that names it in a coding', {'If-Match': '"7-gzip"'}, 200],
  ['If-Match weakly', {'If-Match': 'W/"7"'}, 412],
  ['If-Match another', {'If-Match': '"1"'}, 412],
  ['If-Match *', {'If-Match': '*'}, 200],
  ['If-Unmodified-Since before', {'If-Unmodified-Since': before}, 412],
  ['If-Unmodified-Since the same moment', {'If-Unmodified-Since': changed}, 200],
  ['If-Match goes before If-Unmodified-Since', {'If-Match': '"7"', 'If-Unmodified-Since': before}, 200],
  ['a 412 goes before a 304', {'If-Unmodified-Since': before, 'If-None-Match': '"7"'}, 412],
  ['If-Match that holds, and If-None-Match', {'If-Match': '"7"', 'If-None-Match': '"7"'}, 304],
] as const) {
  test(`in the order of RFC 9110, 13.2.2: ${title}: ${status}`, t => {
    t.is(statusFor(headers), status);
    t.is(statusFor(headers, {method: 'HEAD'}), status);
  });
}

test('without a tag dates alone decide, and a tag that is asked for is not there', t => {
  t.is(statusFor({'If-Modified-Since': changed}, {tag: null}), 304);
  t.is(statusFor({'If-None-Match': '"7"', 'If-Modified-Since': changed}, {tag: null}), 200);
  t.is(statusFor({'If-Match': '"7"'}, {tag: null}), 412);
});

test('what is no answer of 200 to GET or HEAD has no conditions', t => {
  t.is(statusFor({'If-None-Match': '"7"'}, {method: 'POST'}), 200);
  const response = new Response();
  response.status = 404;
  response.setHeader('ETag', '"7"');
  answerConditions(Request.from({headers: {'If-None-Match': '"7"'}}), response);
  t.is(response.status, 404);
});

test('a change is refused by If-None-Match where that names what is there', t => {
  const state = {tag: '"7"', changedAt, isThere: true};
  const request = (value: string) => Request.from({method: 'PUT', headers: {'If-None-Match': value}});
  t.throws(() => refuseMatched(request('*'), state), {message: /has been changed/});
  t.notThrows(() => refuseMatched(request('*'), {...state, isThere: false}));
  t.notThrows(() => refuseMatched(Request.from({method: 'PUT'}), state));
  t.throws(() => refuseUnmet(Request.from({headers: {'If-Match': '*'}}), {...state, isThere: false}));
});

for (const [given, isCurrent] of [
  ['"7"', true],
  ['W/"7"', false],
  ['"7-gzip"', false],
  ['"1"', false],
  ['"7", "8"', false],
  ['7', false],
  [changed, true],
  [before, false],
  [later, false],
  ['', false],
] as const) {
  test(`If-Range ${JSON.stringify(given)} lets a range be sent: ${isCurrent}`, t => {
    const request = Request.from({headers: {'If-Range': given}});
    t.is(isRangeCurrent(request, {tag: '"7"', changedAt, isThere: true}), isCurrent);
    t.false(isRangeCurrent(request, {tag: 'W/"7"', changedAt: undefined, isThere: true}));
  });
}

test('without If-Range a range is sent', t => {
  t.true(isRangeCurrent(Request.from({}), {tag: undefined, changedAt: undefined, isThere: true}));
});

test('a tag has its quotes, and its coding before the last of them where it is strong', t => {
  for (const tag of ['"7"', 'W/"7"', '""']) t.true(isTag(tag), tag);
  for (const tag of ['7', '"7', 'w/"7"', '"a"b"', '"a b"', 7, undefined]) t.false(isTag(tag), String(tag));
  t.is(tagIn('br', '"7"'), '"7-br"');
  t.is(tagIn('br', 'W/"7"'), 'W/"7"');
});

test('a date is read in its three forms, and no others', t => {
  t.is(timeOf(changed), changedAt);
  t.is(timeOf('Friday, 27-Nov-26 18:56:51 GMT'), changedAt);
  t.is(timeOf('Fri Nov 27 18:56:51 2026'), changedAt);
  for (const text of ['', '1', '2026-11-27', 'yesterday', undefined]) t.is(timeOf(text), undefined);
});

import test from 'ava';
import {isHttpError} from 'http-errors';
import {parseJson} from '../../src/http/json.ts';

const usual = 1024 * 1024;

/** The status that a text is refused with, or nothing. */
function refusal(text: string, limit = usual): number | undefined {
  try {
    parseJson(text, limit);
    return undefined;
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const list = (item: string, count: number) => `[${Array(count).fill(item).join()}]`;

test('JSON may nest 500 levels; one more is a 400', t => {
  t.is(refusal(nest(500)), undefined);
  t.is(refusal(nest(501)), 400);
  t.is(refusal('{"a":'.repeat(501) + '1' + '}'.repeat(501)), 400);
  t.is(refusal('['.repeat(usual)), 400);
  t.is(refusal(list(nest(499), 20)), undefined, 'what ends is left again');
});

test('JSON may have 20,000 names, texts, lists and objects; one more is a 413, before it is parsed', t => {
  t.is(refusal(list('""', 19_999)), undefined);
  t.is(refusal(list('""', 20_000)), 413);
  t.is(refusal(list('{"a":""}', 6666)), undefined);
  t.is(refusal(list('{"a":""}', 6667)), 413);
  t.is(refusal(`${list('""', 20_000)} and no JSON`), 413);
});

test('numbers, true, false and null are not counted', t => {
  for (const item of ['1', 'true', 'false', 'null']) t.is(refusal(list(item, 200_000)), undefined);
});

test('marks inside a text are no marks', t => {
  t.is(refusal(JSON.stringify('[{"\\"'.repeat(30_000))), undefined);
  t.is(refusal(`["\\\\",${nest(499)}]`), undefined);
  t.is(refusal(`["\\\\",${nest(500)}]`), 400);
});

test('a body that may be larger may hold more, in proportion', t => {
  t.is(refusal(list('""', 32_000), 2 * usual), undefined);
  t.is(refusal(list('""', 41_000), 2 * usual), 413);
  t.is(refusal(list('""', 16_000), 1), undefined, 'a lower limit is one of bytes alone');
});

for (const text of ['"', '"\\', '[', '}', '[}', '"a" "b"', ']]]][[']) {
  test(`what is no JSON is a 400: ${text}`, t => t.is(refusal(text), 400));
}

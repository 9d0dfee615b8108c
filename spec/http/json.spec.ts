import test from 'ava';
import {isHttpError} from 'http-errors';
import {parseJson} from '../../src/http/json.ts';
import {chance, type Chance} from './chance.ts';

/** The status that a text is refused with, or nothing. */
async function refusal(text: string, size?: number): Promise<number | undefined> {
  try {
    await parseJson(text, size);
    return undefined;
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const list = (item: string, count: number) => `[${Array(count).fill(item).join()}]`;

test('JSON may nest 500 levels; one more is a 400', async t => {
  t.is(await refusal(nest(500)), undefined);
  t.is(await refusal(nest(501)), 400);
  t.is(await refusal('{"a":'.repeat(501) + '1' + '}'.repeat(501)), 400);
  t.is(await refusal('['.repeat(1024 * 1024)), 400);
  t.is(await refusal(list(nest(499), 20)), undefined, 'what ends is left again');
});

test('marks inside a text are no marks', async t => {
  t.is(await refusal(JSON.stringify('[{"\\"'.repeat(30_000))), undefined);
  t.is(await refusal(`["\\\\",${nest(499)}]`), undefined);
  t.is(await refusal(`["\\\\",${nest(500)}]`), 400);
});

/** How often other work is done while this is. */
async function turnsWithin(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = () => {
    if (isOver) return;
    turns += 1;
    setImmediate(count);
  };
  setImmediate(count);
  await work().finally(() => (isOver = true));
  return turns;
}

for (const [what, item] of [
  ['numbers', '1'],
  ['texts', '"a"'],
  ['lists', '[]'],
  ['lists in each other', nest(100)],
  ['objects', '{"a":{"b":"c"}}'],
  ['objects with numbers', '{"a":1.5,"b":[null,true]}'],
] as const) {
  test(`other requests go on while JSON of many ${what} is parsed`, async t => {
    const text = list(item, Math.floor(500_000 / item.length));
    const marks = text.match(/"\w"|[[{,]/g)!.length;
    const turns = await turnsWithin(async () => parseJson(text));
    t.true(turns >= Math.floor(marks / 11_000), `${turns} turns for ${marks} texts, commas, lists and objects`);
  });
}

test('other requests go on while JSON of one object with many names is parsed', async t => {
  const text = JSON.stringify({data: Object.fromEntries(Array.from({length: 50_000}, (_, i) => [`n${i}`, i]))});
  t.true((await turnsWithin(async () => parseJson(text))) >= 9);
});

test('a short text is parsed at once', async t => {
  t.is(await turnsWithin(async () => parseJson(list('""', 4999))), 0);
});

const names = ['a', 'b', '1', '0', '', '__proto__', 'constructor', 'a"b', '\\', '\u00e9'];
const scalars = [0, -1.5, 1e300, true, false, null, '', '[', '{"a":[', ',', '"', '\\"', '\u2603'];

/** A value of chance, as a text with names that come twice and blanks where they may be. */
function textOf({one}: Chance, level = 0): string {
  const blank = () => one(['', '', '', ' ', '\n', '\t\r ']);
  const count = one([0, 1, 2, 3, 5]);
  const some = (make: () => string) => Array.from({length: count}, make).join(`${blank()},${blank()}`);
  const inner = () => textOf({one}, level + 1);
  const kind = level > 6 ? 'scalar' : one(['list', 'object', 'list', 'object', 'scalar']);
  if (kind === 'list') return `[${blank()}${some(inner)}${blank()}]`;
  if (kind === 'scalar') return JSON.stringify(one<unknown>(scalars));
  return `{${blank()}${some(() => `${JSON.stringify(one(names))}${blank()}:${blank()}${inner()}`)}${blank()}}`;
}

/** The text with one character gone, twice, or another. */
function spoilt(text: string, {one}: Chance): string {
  const at = one(Array.from(text, (_, i) => i));
  const other = one(['', text[at]!.repeat(2), ',', ']', '}', '[', '{', '"', ':', '\u00a0', ' ', '0']);
  return text.slice(0, at) + other + text.slice(at + 1);
}

/** What JSON.parse makes of a text, with each name, in order; nothing where it is no JSON. */
function asEngine(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function asOurs(text: string, size: number): Promise<string | undefined> {
  try {
    return JSON.stringify(await parseJson(text, size));
  } catch (error) {
    if (isHttpError(error) && error.status === 400) return undefined;
    throw error;
  }
}

test('JSON in pieces is what it is in one, and what is no JSON is a 400', async t => {
  let whole = 0;
  for (let seed = 0; seed < 4000; seed += 1) {
    const luck = chance(seed);
    const good = textOf(luck);
    const text = seed % 2 === 0 ? good : spoilt(good, luck);
    const expected = asEngine(text);
    const size = luck.one([1, 2, 3, 7]);
    if (expected !== undefined) whole += 1;
    if ((await asOurs(text, size)) !== expected) t.fail(`in pieces of ${size}: ${text}`);
  }
  t.true(whole > 2000 && whole < 3500, `${whole}`);
});

for (const text of [
  '"',
  '"\\',
  '[',
  '}',
  '[}',
  '"a" "b"',
  ']]]][[',
  '["a","b",]',
  '["a","b"] "c"',
  '["a","b"]]',
  '["a","b"',
  '{"a":"b","c":"d",}',
  '{"a":["b","c"]"d":1}',
  '[["a","b"}]',
  '["a","b"],["c","d"]',
  '["a","b",\u00a0]',
  '["a",[,"b"]]',
]) {
  test(`what is no JSON is a 400: ${text}`, async t => {
    t.is(await refusal(text), 400);
    t.is(await refusal(text, 1), 400);
  });
}

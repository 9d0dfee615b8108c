// npm run bench:tricks: what each mechanism that is kept for speed saves, beside the plain way, in one process and in turn. Medians.
import {randomBytes} from 'node:crypto';
import {parse, stringify} from 'devalue';
import {systemClock} from '../dist/src/clock.js';
import {contentOf, LoadedComponent, readContent, writeContent} from '../dist/src/session/component/content.js';
import {randomToken} from '../dist/src/session/visit/token.js';
import {ExpiryWheel} from '../dist/src/store/memory-expiry-wheel.js';
import {SpreadMap} from '../dist/src/store/memory-spread-map.js';
import {TimeLimit} from '../dist/src/time-limit.js';
import {tableOf} from './table.js';

const {ROUNDS = 15, CALLS = 20_000, ENTRIES = 1_000_000} = process.env;

const fields = {
  n: 1,
  items: [
    {sku: 'KETTLE-2', count: 1},
    {sku: 'CUP-7', count: 6},
  ],
  town: 'London',
};
const component = {name: 'cart'};
const text = writeContent(component, {version: 0, fields});
const stored = {revision: 1, text};

const minute = 60_000;
const timeouts = new TimeLimit(systemClock, minute);
const answer = Promise.resolve(1);

/** Who gives up on an answer after a minute, each with a timer of its own. */
function plainTimeout(promise) {
  const {promise: late, reject} = Promise.withResolvers();
  const timer = setTimeout(() => reject(new Error('late')), minute);
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const wheel = new ExpiryWheel(({deadline}) => deadline);

/** A session that begins, is seen ten times, and ends before it is due. */
function onTheWheel() {
  const entry = {slot: 0, place: 0, deadline: Date.now() + minute};
  wheel.add(entry, Date.now());
  for (let i = 0; i < 10; i += 1) entry.deadline += 1;
  wheel.remove(entry);
}

function byTimer() {
  const timer = setTimeout(() => undefined, minute);
  for (let i = 0; i < 10; i += 1) timer.refresh();
  clearTimeout(timer);
}

/** Mechanisms, and what would be in their place: one call of each. */
const calls = {
  'tokens drawn in bulk': [() => randomToken(), () => randomBytes(32).toString('base64url')],
  'JSON for what JSON gives back': [
    () => readContent(writeContent(component, {version: 0, fields})),
    () => parse(stringify([0, fields])),
  ],
  'what a component says, read once': [
    () => contentOf(new LoadedComponent(stored)),
    () => [readContent(text), readContent(text)],
  ],
  'one timer for all that is waited for': [() => timeouts.keep(answer), () => plainTimeout(answer)],
  'a wheel of seconds for what is due, moved ten times': [onTheWheel, byTimer],
};

const median = values => values.toSorted((one, other) => one - other)[values.length >> 1];

async function time(act) {
  const begun = performance.now();
  for (let i = 0; i < CALLS; i += 1) await act();
  return ((performance.now() - begun) / CALLS) * 1e6;
}

/** For how many milliseconds one entry of very many holds up all else at the most. */
function longestStall(map) {
  let longest = 0;
  for (let i = 0; i < ENTRIES; i += 1) {
    const key = `${(i * 2654435761) % 4294967296}`.padStart(10, '0');
    const begun = performance.now();
    map.set(key, {number: 0});
    longest = Math.max(longest, performance.now() - begun);
  }
  return longest;
}

const rows = [];
for (const [mechanism, ways] of Object.entries(calls)) {
  const times = ways.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) for (const [i, way] of ways.entries()) times[i].push(await time(way));
  const [ours, plain] = times.map(median);
  rows.push({
    mechanism,
    with: `${ours.toFixed(0)} ns`,
    without: `${plain.toFixed(0)} ns`,
    ratio: (plain / ours).toFixed(2),
  });
}
const stalls = [() => new SpreadMap(), () => new Map()].map(make =>
  median(Array.from({length: 5}, () => longestStall(make()))),
);
rows.push({
  mechanism: 'a map in 128 parts, its longest step',
  with: `${stalls[0].toFixed(1)} ms`,
  without: `${stalls[1].toFixed(1)} ms`,
  ratio: (stalls[1] / stalls[0]).toFixed(1),
});
console.log(tableOf(rows));
process.exit();

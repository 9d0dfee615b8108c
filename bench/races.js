// npm run bench:races: what becomes of parallel requests that share one session, with each of the known session
// middlewares and with Espalier. Prints a table; ends with code 1 when Espalier has lost a write or revived a session.
import {newFile, startPostgres, startRedis} from './backends.js';
import {Contestant, latency} from './races/contestant.js';
import {probe} from './races/probe.js';

const peers = [
  {name: 'express-session, defaults', file: './express-session.js'},
  {
    name: 'express-session, resave: false, saveUninitialized: false',
    file: './express-session.js',
    options: {resave: false, saveUninitialized: false},
  },
  {name: '@fastify/session, defaults', file: './fastify-session.js'},
  {
    name: '@fastify/session, rolling: false, saveUninitialized: false',
    file: './fastify-session.js',
    options: {rolling: false, saveUninitialized: false},
  },
  {name: 'koa-session with a store', file: './koa-session.js'},
  {name: 'hono-sessions', file: './hono-sessions.js'},
];

/** The stores of Espalier: what starts the server or makes the file that each needs, and in how many processes it is raced. */
const stores = {
  memory: {start: () => ({at: '', stop: () => {}}), processes: [1]},
  SQLite: {start: newFile, processes: [1, 2]},
  Redis: {start: startRedis, processes: [1, 2]},
  PostgreSQL: {start: startPostgres, processes: [1, 2]},
};

async function race(entrant) {
  const contestant = await Contestant.start(entrant);
  try {
    return {name: entrant.name, ...(await probe(contestant))};
  } finally {
    await contestant.stop();
  }
}

async function raceEspalier(store) {
  const {start, processes} = stores[store];
  const name = count => `Espalier, ${store}${count > 1 ? `, ${count} processes` : ''}`;
  const backend = await start();
  if (!backend) return processes.map(count => ({name: name(count), isSound: true, row: {}}));
  try {
    const options = {store, at: backend.at};
    const results = [];
    for (const count of processes)
      results.push(
        await race({name: name(count), file: '../../dist/bench/races/espalier.js', options, processes: count}),
      );
    return results;
  } finally {
    await backend.stop();
  }
}

/** A table in Markdown. Who could not take part has one cell that says so. */
function print(results) {
  const columns = ['', ...Object.keys(results[0].row)];
  const cells = ({name, row}) =>
    columns.map((column, i) => (i === 0 ? name : (row[column] ?? (i === 1 ? 'not installed' : ''))));
  const lines = [columns, ...results.map(cells)];
  const widths = columns.map((_, index) => Math.max(...lines.map(line => line[index].length)));
  const [head, ...body] = lines.map(line => `| ${line.map((cell, index) => cell.padEnd(widths[index])).join(' | ')} |`);
  console.log([head, `| ${widths.map(width => '-'.repeat(width)).join(' | ')} |`, ...body].join('\n'));
}

console.log(`Node ${process.version}; every store is ${latency} ms away.\n`);
const results = [];
for (const entrant of peers) results.push(await race(entrant));
const ours = [];
for (const store of Object.keys(stores)) ours.push(...(await raceEspalier(store)));
print([...results, ...ours]);

const unsound = ours.filter(({isSound}) => !isSound).map(({name}) => name);
if (unsound.length > 0) {
  console.error(`\nA write was lost, or a session came back, with ${unsound.join(' and ')}.`);
  process.exitCode = 1;
}

// npm run bench:durable [node …]: what a session store would cost on node:sqlite and on lmdb, in one interleaved run, by
// one process and by four at once; on each Node that is named, or on this one. Medians of the rounds.
import {fork, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {cpus, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const {ROUNDS = 5, SESSIONS = 20_000} = process.env;
const here = fileURLToPath(new URL('.', import.meta.url));
const nodes = process.argv.length > 2 ? process.argv.slice(2) : [process.execPath];
const engines = ['node:sqlite', 'lmdb', 'lmdb, awaited'];
/** How many of each in a round, by one process. */
const operations = {find: 4000, touch: 400, write: 400, end: 200, 'claim 50': 6};

/** A file in use by some processes. */
class Contender {
  workers = [];
  rounds = Object.fromEntries(Object.keys(operations).map(operation => [operation, []]));

  constructor(node, engine, powerLoss, processes) {
    this.name = {engine, powerLoss, processes};
    this.folder = mkdtempSync(join(tmpdir(), 'espalier-durable-'));
    this.args = [engine, join(this.folder, 'sessions'), String(powerLoss), String(SESSIONS / processes)];
    this.node = node;
  }

  // One after the other: two processes at once can't both be the one that makes the file a database.
  async ready() {
    const options = {execPath: this.node, execArgv: ['--disable-warning=ExperimentalWarning']};
    while (this.workers.length < this.name.processes) {
      const worker = fork(join(here, 'durable-worker.js'), this.args, options).on('exit', fail);
      await once(worker, 'message');
      this.workers.push(worker);
    }
    return this;
  }

  async ask(order) {
    const answers = this.workers.map(worker => once(worker, 'message'));
    for (const worker of this.workers) worker.send(order);
    return (await Promise.all(answers)).map(([answer]) => answer);
  }

  async round(operation) {
    const count = Math.ceil(operations[operation] / this.workers.length);
    await this.ask({act: 'prepare', operation, count});
    const answers = await this.ask({act: 'measure', operation, count});
    const of = figure => answers.map(answer => answer[figure]);
    this.rounds[operation].push({
      perSecond: of('perSecond').reduce((sum, value) => sum + value),
      median: median(of('median')),
      worst: Math.max(...of('worst')),
      loop: median(of('loop')),
      cpu: median(of('cpu')),
    });
  }

  async close() {
    const [{bytes}] = await this.ask({act: 'close'});
    rmSync(this.folder, {recursive: true});
    return bytes;
  }
}

function fail(code) {
  if (code !== 0) throw new Error(`A process of the bench has failed: ${code}.`);
}

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function row(contender, operation, base) {
  const rounds = contender.rounds[operation];
  const of = figure => median(rounds.map(round => round[figure]));
  const ratios = rounds.map((round, i) => round.perSecond / base.rounds[operation][i].perSecond);
  return {
    ...contender.name,
    operation,
    'per second': Math.round(of('perSecond')),
    'median µs': Math.round(of('median')),
    'worst ms': Number((Math.max(...rounds.map(round => round.worst)) / 1000).toFixed(1)),
    'loop µs': Math.round(of('loop')),
    'CPU µs': Math.round(of('cpu')),
    ratio: Number(median(ratios).toFixed(2)),
  };
}

async function compare(node, powerLoss, processes) {
  const contenders = await Promise.all(
    engines.map(engine => new Contender(node, engine, powerLoss, processes).ready()),
  );
  for (const operation of Object.keys(operations)) {
    for (let i = 0; i <= Number(ROUNDS); i += 1) for (const contender of contenders) await contender.round(operation);
    // The first round was to warm up.
    for (const contender of contenders) contender.rounds[operation].shift();
  }
  const rows = Object.keys(operations).flatMap(operation =>
    contenders.map(contender => row(contender, operation, contenders[0])),
  );
  const sizes = [];
  for (const contender of contenders) sizes.push(`${contender.name.engine} ${await contender.close()}`);
  return {rows, sizes};
}

for (const node of nodes) {
  const version = spawnSync(node, ['--version'], {encoding: 'utf8'}).stdout.trim();
  console.log(`\nNode ${version}, ${cpus().length} × ${cpus()[0].model}, ${SESSIONS} sessions, ${ROUNDS} rounds`);
  for (const powerLoss of [false, true]) {
    for (const processes of [1, 4]) {
      const {rows, sizes} = await compare(node, powerLoss, processes);
      console.table(rows);
      console.log(`Bytes of the file: ${sizes.join(', ')}`);
    }
  }
}

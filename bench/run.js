// npm run bench: the seed example beside a bare node:http server that does the same by hand, in one interleaved run.
// Prints requests per second and the server's CPU time per request, medians of the rounds, as ratios to the bare server.
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {cpus} from 'node:os';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import autocannon from 'autocannon';

const {ROUNDS = 7, WARM_UP = 12, SECONDS = 4, CONNECTIONS = 64} = process.env;
const contenders = {'bare node:http': './bare.js', Espalier: '../dist/examples/session-basics.js'};

/** Whether there are two processors to be had, one for the server and one for the load (Linux). */
const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

/** The server process, with the cookie of a session that it knows. */
async function start([name, file]) {
  const program = [process.execPath, fileURLToPath(new URL(file, import.meta.url))];
  const [command, ...args] = canPin ? ['taskset', '--cpu-list', '0', ...program] : program;
  const child = spawn(command, args, {
    env: {...process.env, PORT: '0', HOST: '127.0.0.1'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  const url = line.replace('Listening on ', '');
  const [cookie] = (await fetch(url)).headers.getSetCookie();
  return {name, child, url, cookie: cookie.split(';')[0], rounds: []};
}

async function load({url, cookie}, seconds) {
  const {
    '2xx': answered,
    non2xx,
    errors,
    latency,
    duration,
  } = await autocannon({
    url,
    duration: seconds,
    connections: Number(CONNECTIONS),
    headers: {cookie},
  });
  if (non2xx + errors > 0) throw new Error(`${url}: ${non2xx} wrong answers, ${errors} errors.`);
  return {answered, perSecond: answered / duration, p99: latency.p99};
}

/** User and system time of a process so far, in microseconds (Linux; elsewhere not a number). */
function cpuTime({child}) {
  try {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return NaN;
  }
}

async function round(server) {
  const before = cpuTime(server);
  const {answered, perSecond, p99} = await load(server, Number(SECONDS));
  server.rounds.push({perSecond, cpu: (cpuTime(server) - before) / answered, p99});
}

const median = values => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function report(servers) {
  const [bare] = servers;
  const ratio = (server, figure) => median(server.rounds.map((r, i) => figure(r, bare.rounds[i])));
  console.log(
    `\nNode ${process.version}, ${cpus().length} × ${cpus()[0].model}, ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections${canPin ? ', pinned' : ''}`,
  );
  console.table(
    Object.fromEntries(
      servers.map(server => [
        server.name,
        {
          'requests/s': Math.round(median(server.rounds.map(r => r.perSecond))),
          'CPU µs/request': Number(median(server.rounds.map(r => r.cpu)).toFixed(1)),
          'p99 ms': median(server.rounds.map(r => r.p99)),
          'requests/s, ratio': Number(ratio(server, (r, b) => r.perSecond / b.perSecond).toFixed(2)),
          'CPU, ratio': Number(ratio(server, (r, b) => b.cpu / r.cpu).toFixed(2)),
        },
      ]),
    ),
  );
}

if (canPin) spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '1', String(process.pid)]);

const servers = await Promise.all(Object.entries(contenders).map(start));
try {
  for (const server of servers) await load(server, Number(WARM_UP));
  for (let i = 0; i < Number(ROUNDS); i += 1) for (const server of servers) await round(server);
  report(servers);
} finally {
  for (const {child} of servers) child.kill();
}

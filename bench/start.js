// How much an installation of Espalier is, and how soon a site with a session answers after its process was started: node bench/start.js
import {strict as assert} from 'node:assert';
import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {lstatSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pack} from '../.ci/pack.js';
import {median, start} from './process.js';
import {keepResult} from './results.js';
import {tableOf} from './table.js';

const rounds = Number(process.env.ROUNDS ?? 15);

/** What the project holds itself to: packages, milliseconds, and how many times as long as bare Node. */
const bars = {packages: 60, firstAnswer: 1000, ratio: 3};

const bareProgram = `import {createServer} from 'node:http';

const server = createServer((_request, response) => response.end('Hello'));
server.listen(0, '127.0.0.1', () => console.log(\`Listening on http://127.0.0.1:\${server.address().port}\`));
`;

const ourProgram = `import {Get, Resource, SessionService, serve, use} from 'espalier';

class Home {
  sessions = use(SessionService);

  async greet() {
    return (await this.sessions.getSession()).uid;
  }
}
Get()(Home.prototype, 'greet', Object.getOwnPropertyDescriptor(Home.prototype, 'greet'));
Resource()(Home);

await serve(Home, {sessions: {insecure: true}});
`;

const folder = mkdtempSync(join(tmpdir(), 'espalier-start-'));

const cached = {NODE_COMPILE_CACHE: join(folder, 'cache')};

/** Who starts: each with the file of its program, and variables. */
const contestants = {
  'bare node:http': ['bare.js', {}],
  'bare node:http, with NODE_COMPILE_CACHE': ['bare.js', cached],
  Espalier: ['ours.js', {}],
  'Espalier, with NODE_COMPILE_CACHE': ['ours.js', cached],
};

const npm = (...args) => execFileSync('npm', args, {cwd: folder, stdio: ['ignore', 'pipe', 'inherit']});

/** Installs the package as a user does; gives how many packages came, and how many bytes. */
function install() {
  writeFileSync(join(folder, 'package.json'), '{"private": true, "type": "module"}');
  const tarball = pack(folder);
  npm('install', tarball, '--no-audit', '--no-fund', '--loglevel=error');
  const {packages} = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'));
  return {packages: Object.keys(packages).length, ...sizes()};
}

const sum = paths => paths.reduce((bytes, path) => bytes + lstatSync(path).size, 0);

function sizes() {
  const all = readdirSync(join(folder, 'node_modules'), {recursive: true, withFileTypes: true});
  const files = all.filter(entry => entry.isFile()).map(({parentPath, name}) => join(parentPath, name));
  return {all: sum(files), own: sum(files.filter(path => path.startsWith(join(folder, 'node_modules/espalier/'))))};
}

/** Milliseconds from the start of a process to its first answer, whole. */
async function firstAnswer([program, env]) {
  const begun = performance.now();
  const server = await start(process.execPath, [join(folder, program)], env);
  const answer = await fetch(server.url);
  assert.equal(answer.status, 200);
  await answer.text();
  const elapsed = performance.now() - begun;
  // So that it writes what it has compiled.
  server.child.kill('SIGTERM');
  await once(server.child, 'exit');
  return elapsed;
}

async function measure() {
  const times = Object.fromEntries(Object.keys(contestants).map(name => [name, []]));
  // One round is not counted: the files are read from the disk then.
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, contestant] of Object.entries(contestants)) {
      const time = await firstAnswer(contestant);
      if (round >= 0) times[name].push(time);
    }
  }
  return times;
}

const mib = bytes => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const ms = value => value.toFixed(0);

try {
  const {packages, all, own} = install();
  writeFileSync(join(folder, 'bare.js'), bareProgram);
  writeFileSync(join(folder, 'ours.js'), ourProgram);
  const times = await measure();
  const {'bare node:http': bare, Espalier: ours} = times;
  const beside = each => median(each.map((time, round) => time / bare[round]));
  const kept = [packages <= bars.packages, median(ours) <= bars.firstAnswer, beside(ours) <= bars.ratio];
  const rows = Object.entries(times).map(([name, each]) => ({
    program: name,
    'first answer, ms': ms(median(each)),
    'longest, ms': ms(Math.max(...each)),
    'times as long': beside(each).toFixed(2),
  }));
  const notes = [
    `\`npm install espalier\` brings ${packages} packages, ${mib(all)} in all; Espalier itself is ${mib(own)}, with its sources and its documentation. TypeScript is none of them.`,
    `A first answer is counted from the start of \`node main.js\` to the end of the first answer, which begins a session with Espalier. Measured by \`npm run bench:start\`, in ${rounds} rounds, in turn; medians.`,
    'NODE_COMPILE_CACHE names a folder where Node keeps what it has compiled, so that the next start needs less time.',
    `Bars, without it: ${bars.packages} packages, a first answer after ${bars.firstAnswer} ms, and ${bars.ratio} times as long as bare Node. ${kept.every(Boolean) ? 'All are kept.' : `Kept are ${kept.filter(Boolean).length} of 3.`}`,
  ];
  console.log(`${tableOf(rows)}\n\n${notes.map(note => `- ${note}`).join('\n')}`);
  const {node} = process.versions;
  keepResult(node.split('.')[0], 'start', {title: 'Installing it, and its start', rows, notes, node: `v${node}`});
  if (!kept.every(Boolean)) process.exitCode = 1;
} finally {
  rmSync(folder, {recursive: true, force: true});
}

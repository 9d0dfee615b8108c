// Changes a file of a running site a thousand times while visitors ask for it, under `espalier dev` and under `espalier serve FOLDER`:
// no request fails, the session is kept, memory does not grow, and no process is left. `node .ci/check-reloads.js 50 dev` does it so often.
import {strict as assert} from 'node:assert';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {get} from 'node:http';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {text as textOf} from 'node:stream/consumers';
import {setTimeout} from 'node:timers/promises';

const [times = '1000', ...wanted] = process.argv.slice(2);
const count = Number(times);

const counter = `import {Get, Resource, SessionComponent, SessionService, serve, use} from 'espalier';
import {word} from './word.ts';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
export default class Home {
  constructor(private readonly sessions = use(SessionService)) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    await session.update(Visits, visits => (visits.count += 1));
    return word + ' ' + session.get(Visits).count;
  }
}
`;

/** What is run, its files, and the path that is asked for. */
const commands = {
  dev: [['dev', 'site.ts'], {'site.ts': `${counter}\nawait serve(Home);\n`}, '/'],
  serve: [['serve', 'site'], {'site/home.resource.ts': counter.replace('./word.ts', '../word.ts')}, '/home'],
};

function project(files) {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-reloads-'));
  mkdirSync(join(folder, 'site'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(process.cwd(), join(folder, 'node_modules/espalier'));
  symlinkSync(resolve('node_modules/tsx'), join(folder, 'node_modules/tsx'));
  const settings = {
    'package.json': '{"type": "module"}',
    'tsconfig.json': '{"compilerOptions": {"experimentalDecorators": true}}',
    'word.ts': wordOf(0),
  };
  for (const [name, text] of Object.entries({...settings, ...files})) writeFileSync(join(folder, name), text);
  return folder;
}

const wordOf = number => `export const word = 'word${number}';\n`;

/** The processes that a process has started, and those that they have. */
function below(pid) {
  const path = `/proc/${pid}/task/${pid}/children`;
  const own = existsSync(path) ? readFileSync(path, 'utf8').split(' ').filter(Boolean) : [];
  return own.flatMap(each => [each, ...below(each)]);
}

const mebibytes = pid => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

/** On a connection of its own: one that is kept may close when a request is on its way, and a browser asks again then. */
async function ask(url, headers) {
  const [answer] = await once(get(url, {headers, agent: false, timeout: 60_000}), 'response');
  return [answer.statusCode, await textOf(answer)];
}

/** Visitors who share a session, and ask without a pause. */
class Visitors {
  answered = 0;
  seen = '';
  #isOver = false;
  #last = 0;
  #failure;
  #all;

  constructor(url, cookie) {
    this.#all = Promise.all(Array.from({length: 3}, () => this.#ask(url, {cookie})));
    this.#all.catch(error => (this.#failure = error));
  }

  async #ask(url, headers) {
    while (!this.#isOver) {
      const before = this.#last;
      const [status, told] = await ask(url, headers);
      assert.equal(status, 200, told);
      const [word, visits] = told.split(' ');
      assert.ok(Number(visits) > before, `The session has lost its visits: ${before} before ${told}`);
      this.#last = Math.max(this.#last, Number(visits));
      this.answered += 1;
      this.seen = word;
    }
  }

  async see(word) {
    while (this.seen !== word) {
      if (this.#failure) throw this.#failure;
      await setTimeout(5);
    }
  }

  end() {
    this.#isOver = true;
    return this.#all;
  }
}

async function hold(name, [args, files, path]) {
  const folder = project(files);
  const env = {...process.env, PORT: '0'};
  const child = spawn(process.execPath, [resolve('dist/src/cli/main.js'), ...args], {cwd: folder, env, stdio: 'pipe'});
  try {
    const url = await listening(child);
    const [cookie] = (await fetch(url + path)).headers.getSetCookie()[0].split(';');
    const visitors = new Visitors(url + path, cookie);
    const memory = [];
    const processes = new Set();
    const begun = performance.now();
    for (let number = 1; number <= count; number += 1) {
      writeFileSync(join(folder, 'word.new'), wordOf(number));
      renameSync(join(folder, 'word.new'), join(folder, 'word.ts'));
      await visitors.see(`word${number}`);
      for (const pid of below(child.pid)) processes.add(pid);
      if (number % Math.ceil(count / 10) === 0) memory.push(mebibytes(child.pid));
    }
    const took = (performance.now() - begun) / count;
    await visitors.end();
    assert.ok(below(child.pid).length <= 3, `Processes are left: ${below(child.pid)}`);
    child.kill('SIGTERM');
    await once(child, 'exit');
    const left = () => [...processes].filter(pid => existsSync(`/proc/${pid}`));
    // They end when they see that it has gone.
    for (let tries = 0; left().length > 0 && tries < 100; tries += 1) await setTimeout(20);
    assert.deepEqual(left(), [], 'Processes outlive it.');
    const told = memory.map(each => each.toFixed(0)).join(', ');
    console.log(
      `${name}: ${count} changes, ${took.toFixed(0)} ms each; ${visitors.answered} requests, none failed; ${processes.size} processes, none left; MiB of the first one: ${told}`,
    );
    assert.ok(memory.at(-1) < memory[1] * 1.25, 'It needs more and more memory.');
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, {recursive: true, force: true});
  }
}

async function listening(child) {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', piece => (output += piece));
  for (;;) {
    const url = /Listening on (http:\/\/[^\s/]+)/.exec(output)?.[1];
    if (url !== undefined) return url;
    assert.equal(child.exitCode, null, output);
    await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  }
}

for (const [name, command] of Object.entries(commands)) {
  if (wanted.length === 0 || wanted.includes(name)) await hold(name, command);
}

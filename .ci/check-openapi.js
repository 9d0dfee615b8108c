// Makes a client of the document that examples/an-api-with-cors-and-openapi.ts serves, by openapi-typescript and openapi-fetch in a
// folder of their own, and has it ask the example, which runs with the packed tarball and without Swagger UI.
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {Validator} from '@seriousme/openapi-schema-validator';
import {pack} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-openapi-'));
const example = 'an-api-with-cors-and-openapi.js';
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});
const runThere = (command, ...args) => run(command, args, {cwd: folder, stdio: 'inherit'});

function install() {
  const tarball = pack(folder);
  cpSync('.ci/openapi', folder, {recursive: true});
  cpSync(join('dist/examples', example), join(folder, example));
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund'];
  runThere('npm', 'ci', ...quietly);
  runThere('npm', 'install', '--no-save', ...quietly, tarball);
}

async function holdWithoutSwaggerUi(url) {
  const page = await fetch(`${url}/api/docs`, {headers: {accept: 'text/html'}});
  assert.equal(page.status, 200);
  assert.doesNotMatch(await page.text(), /Swagger UI/);
  assert.equal((await fetch(`${url}/api/docs/ui`)).status, 404);
}

async function holdClient() {
  const env = {...process.env, PORT: '0', HOST: '127.0.0.1'};
  const child = spawn(process.execPath, [example], {cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit']});
  try {
    const [line] = await once(createInterface(child.stdout), 'line');
    const url = line.replace('Listening on ', '');
    await holdWithoutSwaggerUi(url);
    const document = await (await fetch(`${url}/api/docs/openapi.json`)).json();
    const {valid, errors} = await new Validator().validate(document);
    assert.ok(valid, JSON.stringify(errors));
    runThere('npx', 'openapi-typescript', `${url}/api/docs/openapi.json`, '--output', 'api.d.ts');
    runThere('npx', 'tsc', '-p', '.');
    runThere(process.execPath, 'client.js', url);
  } finally {
    child.kill('SIGKILL');
  }
}

try {
  install();
  await holdClient();
  console.log('The document is valid, and the client made from it compiles and works.');
} finally {
  rmSync(folder, {recursive: true});
}

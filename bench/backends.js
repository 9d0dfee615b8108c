// Servers for the stores that need one: each on a free port of this machine, in a folder of its own that goes with it.
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {chownSync, existsSync, globSync, mkdtempSync, rmSync} from 'node:fs';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {delimiter, join} from 'node:path';
import {createInterface} from 'node:readline';

/** Where a program is, or nothing. Debian keeps PostgreSQL's outside of the PATH. */
function find(program) {
  const folders = [...process.env.PATH.split(delimiter), ...globSync('/usr/lib/postgresql/*/bin')];
  return folders.map(folder => join(folder, program)).find(file => existsSync(file));
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address();
  server.close();
  await once(server, 'close');
  return String(port);
}

/** Starts a server; resolves when it says that it is ready, with where it is and a way to stop it. */
async function start(folder, url, command, args, options) {
  const child = spawn(command, args, {...options, stdio: ['ignore', 'pipe', 'pipe']});
  const ended = once(child, 'exit');
  const isReady = new Promise(resolve => {
    const hear = line => line.includes('ready to accept connections') && resolve();
    for (const output of [child.stdout, child.stderr])
      createInterface(output).on('line', line => hear(line.toLowerCase()));
  });
  await Promise.race([isReady, ended]);
  if (child.exitCode !== null) throw new Error(`${command} ended with code ${child.exitCode} before it was ready.`);
  const stop = async () => {
    child.kill('SIGINT');
    await ended;
    rmSync(folder, {recursive: true});
  };
  return {at: url, pid: child.pid, stop};
}

/** A Redis, or nothing where it is not installed. */
export async function startRedis() {
  const program = find('redis-server');
  if (!program) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const port = await freePort();
  const args = ['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', ''];
  return start(folder, `redis://127.0.0.1:${port}`, program, args);
}

/** The user that PostgreSQL runs as: it refuses to be run by root. */
function owner() {
  return process.getuid?.() === 0 ? {uid: idOfPostgres('-u'), gid: idOfPostgres('-g')} : {};
}

function idOfPostgres(option) {
  return Number(execFileSync('id', [option, 'postgres'], {encoding: 'utf8'}));
}

/** A PostgreSQL, or nothing where it is not installed. */
export async function startPostgres() {
  const [program, initdb] = [find('postgres'), find('initdb')];
  if (!program || !initdb) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const options = {cwd: folder, ...owner()};
  if (options.uid) chownSync(folder, options.uid, options.gid);
  const data = join(folder, 'data');
  const settings = ['--username', 'postgres', '--auth', 'trust', '--encoding', 'UTF8', '--locale', 'C', '--no-sync'];
  execFileSync(initdb, ['--pgdata', data, ...settings], {...options, stdio: ['ignore', 'ignore', 'inherit']});
  const port = await freePort();
  const args = ['-D', data, '-h', '127.0.0.1', '-p', port, '-k', folder];
  return start(folder, `postgresql://postgres@127.0.0.1:${port}/postgres`, program, args, options);
}

/** A new file for SQLite. */
export function newFile() {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  return {at: join(folder, 'sessions.db'), stop: () => rmSync(folder, {recursive: true})};
}

// The servers under test as processes: on which core they run, what they have used of it, and of memory.
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {cpus} from 'node:os';
import {createInterface} from 'node:readline';

/** Whether the system (Linux) lets a process be kept to one core, and has two. */
export const canPin = cpus().length > 1 && spawnSync('taskset', ['--version']).status === 0;

const serverCore = 0;

const allCores = `0-${cpus().length - 1}`;

/** The core of what makes the load. */
export const loadCore = 1;

/** A command and its arguments, kept to a core if one is named and the system can. */
export const onCore = (core, command, args) =>
  canPin && core !== undefined ? ['taskset', ['--cpu-list', String(core), command, ...args]] : [command, args];

/** Keeps a process and all its threads to a core, the one for servers unless another is named, from now on. */
export function pin({pid}, core = serverCore) {
  if (canPin) spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)]);
}

/** Lets a process have every core again. */
export const unpin = child => pin(child, allCores);

/**
 * Starts a server: a command that prints `Listening on <url>` as its first line. PORT is 0 for it and HOST 127.0.0.1.
 * It runs on any core until it is pinned.
 */
export async function start(command, args, env = {}) {
  const child = spawn(command, args, {
    env: {...process.env, PORT: '0', HOST: '127.0.0.1', NODE_ENV: 'production', ...env},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${command} ${args.join(' ')} ended with ${code}.`))),
  ]);
  return {child, url: line.replace('Listening on ', '').replace(/\/$/, ''), stop: () => stop(child)};
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** User and system time of a process so far, in microseconds (Linux; elsewhere not a number). */
export function cpuTime({child}) {
  try {
    const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return NaN;
  }
}

/** The memory a process has in use, in bytes (Linux; elsewhere not a number). */
export function residentSetSize({child}) {
  try {
    return Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return NaN;
  }
}

/** The one in the middle, or between the two that are. */
export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

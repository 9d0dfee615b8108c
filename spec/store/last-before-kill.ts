import type {ChildProcessByStdio} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import type {Readable} from 'node:stream';

/** The last number that a process said, a line each, before it was killed at a moment of chance; it must not end before. */
export async function lastBeforeKill(child: ChildProcessByStdio<null, Readable, null>): Promise<number> {
  const killAt = 1 + Math.floor(Math.random() * 500);
  let [lines, last] = [0, 0];
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    if ((lines += 1) === killAt) child.kill('SIGKILL');
  }
  if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
  return child.signalCode === 'SIGKILL' ? last : NaN;
}

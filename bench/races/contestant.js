import {fork} from 'node:child_process';
import {once} from 'node:events';
import {fileURLToPath} from 'node:url';

/** How far away every store is, in milliseconds. */
export const latency = 3;

const program = fileURLToPath(new URL('server.js', import.meta.url));

/** One application, in one process or in several that share a store. */
export class Contestant {
  #processes = [];
  #ports = [];
  #turn = 0;

  /** Starts a file's `listen(options)` in so many processes. */
  static async start({file, options = {}, processes = 1}) {
    const contestant = new Contestant();
    for (let i = 0; i < processes; i += 1) {
      const child = fork(program, [file, JSON.stringify(options), String(latency)], {
        env: {...process.env, NODE_ENV: 'production', NO_DEPRECATION: 'express-session'},
      });
      contestant.#processes.push(child);
      contestant.#ports.push(await Contestant.#portOf(child));
    }
    return contestant;
  }

  static async #portOf(child) {
    const failed = once(child, 'exit').then(([code]) => {
      throw new Error(`A contestant ended with code ${code} before it listened.`);
    });
    const [{port}] = await Promise.race([once(child, 'message'), failed]);
    failed.catch(() => {});
    return port;
  }

  /** The port of the process whose turn it is. */
  nextPort() {
    this.#turn += 1;
    return this.#ports[this.#turn % this.#ports.length];
  }

  /** What the stores were asked so far, by kind. */
  async calls() {
    const sum = {reads: 0, writes: 0, touches: 0};
    for (const child of this.#processes) {
      child.send('calls');
      const [calls] = await once(child, 'message');
      for (const name of Object.keys(sum)) sum[name] += calls[name];
    }
    return sum;
  }

  async stop() {
    const alive = this.#processes.filter(child => child.connected);
    const ends = alive.map(child => once(child, 'exit'));
    for (const child of alive) child.disconnect();
    await Promise.all(ends);
  }
}

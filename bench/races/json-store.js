import {setTimeout as sleep} from 'node:timers/promises';

/** Sessions as JSON text by their id, as most people keep them in Redis. It counts what it is asked. */
export class JsonStore {
  calls = {reads: 0, writes: 0, touches: 0};
  #texts = new Map();
  #latency;

  /** @param {number} latency How far away it is, in milliseconds. */
  constructor(latency) {
    this.#latency = latency;
  }

  async get(id) {
    this.calls.reads += 1;
    await sleep(this.#latency);
    const text = this.#texts.get(id);
    return text && JSON.parse(text);
  }

  async set(id, session) {
    this.calls.writes += 1;
    const text = JSON.stringify(session);
    await sleep(this.#latency);
    this.#texts.set(id, text);
  }

  /** Puts off the end of a session, if it is there: what EXPIRE does. Nothing ends here, so there is nothing to do. */
  async touch() {
    this.calls.touches += 1;
    await sleep(this.#latency);
  }

  async destroy(id) {
    await sleep(this.#latency);
    this.#texts.delete(id);
  }
}

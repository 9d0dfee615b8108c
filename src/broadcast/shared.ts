import {randomUUID} from 'node:crypto';
import type {Logger} from '../logger.ts';
import {OutageLog} from '../outage-log.ts';
import type {Broadcast} from './broadcast.ts';
import {textOf, Topics} from './topics.ts';

/** The way from each process to all others. */
export interface Carrier {
  /** How a log line names the server, without a password. */
  readonly name: string;
  /** Hand over a text. Fails where that can't be done now. */
  send(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens the way. `hear` is told of each text that comes, those of this process too, and `down` of what is wrong. */
export type OpenCarrier = (hear: (text: string) => void, down: (error: unknown) => void) => Carrier;

/** Among all processes that have the same server. */
export class SharedBroadcast implements Broadcast {
  readonly #topics = new Topics();
  readonly #carrier: Carrier;
  readonly #log: OutageLog;
  /** By this a process knows what it has sent itself, and told already. */
  readonly #own = randomUUID();

  constructor(open: OpenCarrier, logger: Logger) {
    this.#log = new OutageLog(logger);
    this.#carrier = open(
      text => this.#hear(text),
      error => this.#down(error),
    );
  }

  async publish(topic: string, value: unknown): Promise<boolean> {
    const text = textOf(topic, value);
    this.#topics.tell(topic, text);
    try {
      await this.#carrier.send(JSON.stringify([this.#own, topic, text]));
      this.#log.recover(`${this.#carrier.name} works again: what is published reaches all processes.`);
      return true;
    } catch (error) {
      this.#down(error);
      return false;
    }
  }

  subscribe<T>(topic: string, signal?: AbortSignal): AsyncIterableIterator<T> {
    return this.#topics.subscribe(topic, signal);
  }

  async close(): Promise<void> {
    this.#topics.close();
    await this.#carrier.close();
  }

  #hear(envelope: string): void {
    const [sender, topic, text] = JSON.parse(envelope) as [string, string, string];
    if (sender !== this.#own) this.#topics.tell(topic, text);
  }

  #down(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.fail(`${this.#carrier.name} does not work: what is published stays in its process. ${reason}`, error);
  }
}

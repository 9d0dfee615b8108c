import {systemClock, type Clock} from '../clock.ts';
import {MemoryStore} from '../store/memory.ts';
import type {Answer, Fault, Question} from './run.ts';

/** Who is answered. */
interface Asker {
  tell(answer: Answer): void;
}

/** Nothing else is called for others. */
const methods = new Set([
  'create',
  'find',
  'touch',
  'write',
  'renew',
  'setIdleTimeout',
  'end',
  'list',
  'endAll',
  'endEveryone',
  'endsSince',
  'sweep',
  'count',
  'read',
  'listEveryone',
  'keepEnds',
  'takeEnds',
  'settleEnd',
  'releaseEnds',
  'countEnds',
  'eraseEnds',
] as const);

type Method = typeof methods extends Set<infer T> ? T : never;

/** Holds the sessions of programs in memory, whichever process runs them. Nothing is written to disk. */
export class SessionKeeper {
  readonly #stores = new Map<number, MemoryStore>();
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** A program has a store of this number. What it may hold is what the first one said. */
  make({store, limit, bytes}: Extract<Question, {espalier: 'make'}>): void {
    if (!this.#stores.has(store)) this.#stores.set(store, new MemoryStore({clock: this.#clock, limit, bytes}));
  }

  async answer(asker: Asker, {id, store, method, args}: Extract<Question, {espalier: 'call'}>): Promise<void> {
    try {
      if (!methods.has(method as Method)) throw new TypeError(`A store has no method ${method}.`);
      const call = this.#stores.get(store)![method as Method] as (...given: readonly unknown[]) => unknown;
      const value: unknown = await call.apply(this.#stores.get(store), [...args]);
      asker.tell({espalier: 'done', id, value});
    } catch (error) {
      asker.tell({espalier: 'done', id, fault: faultOf(error)});
    }
  }
}

/** An error as another process gets it. */
export function faultOf(error: unknown): Fault {
  const {message, code} = (error instanceof Error ? error : new Error(String(error))) as NodeJS.ErrnoException;
  return {message, code: typeof code === 'string' ? code : undefined};
}

import {isOutage} from './postgres-error.ts';
import {soon, type Answer} from './postgres-link.ts';
import {Turn} from './turn.ts';

/** What is answered to a call of several that was left out, as it would have waited for a lock. */
const leftOut = 'left out';

/** How many bundles are under way at once: while one is answered the other is worked at. */
const mostUnderWay = 2;
/** How many calls are in one at most. */
const mostTogether = 128;
/** After how many milliseconds a bundle that is under way is not waited for any more. */
const patience = 20;

/** When calls have to be answered, by this process's running time: the first of them, and the last. */
export interface Deadlines {
  readonly first: number;
  readonly last: number;
}

/** How calls are made: one by itself, or several in one round trip and one transaction, until a moment. */
interface Ways<T> {
  alone(call: T, until: number): Promise<Answer>;
  /** Fails, with nothing done, when the server comes to it after the first of the deadlines. */
  together(calls: readonly T[], until: Deadlines): Promise<readonly Answer[]>;
}

interface Waiting<T> {
  readonly call: T;
  readonly until: number;
  /** Whether it was tried before, when somebody had locked what it is about. */
  readonly wasLeftOut: boolean;
  readonly give: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Calls that travel together: those of one turn of the event loop, and those that came while others were under way. One by itself
 * goes as it would without. What hinders one of them hinders it alone: it
 * goes by itself then, as long as it has time. Where somebody else holds its session, which may be others of the same turn, it is tried
 * once more with others before.
 */
export class PostgresTurn<T> {
  readonly #ways: Ways<T>;
  readonly #turn = new Turn<Waiting<T>>(calls => {
    this.#waiting.push(...calls);
    this.#depart();
  });
  readonly #waiting: Waiting<T>[] = [];
  #underWay = 0;

  constructor(ways: Ways<T>) {
    this.#ways = ways;
  }

  join(call: T, until = soon()): Promise<Answer> {
    return new Promise((give, fail) => this.#turn.add({call, until, wasLeftOut: false, give, fail}));
  }

  #depart(): void {
    while (this.#underWay < mostUnderWay && this.#waiting.length > 0) this.#send(this.#waiting.splice(0, mostTogether));
  }

  #send(calls: readonly Waiting<T>[]): void {
    this.#underWay += 1;
    let isAwaited = true;
    const arrive = () => {
      clearTimeout(timer);
      if (isAwaited) this.#underWay -= 1;
      isAwaited = false;
      // Once more when it is answered after all: of its calls some may have been left out.
      this.#depart();
    };
    const timer = setTimeout(arrive, patience);
    void this.#make(calls).finally(arrive);
  }

  async #make(calls: readonly Waiting<T>[]): Promise<void> {
    if (calls.length === 1) return this.#alone(calls[0]!);
    const untils = calls.map(({until}) => until);
    try {
      const answers = await this.#ways.together(
        calls.map(({call}) => call),
        {first: Math.min(...untils), last: Math.max(...untils)},
      );
      for (const [i, one] of calls.entries()) {
        if (answers[i] !== leftOut) one.give(answers[i]);
        else if (one.wasLeftOut) void this.#alone(one);
        else this.#waiting.push({...one, wasLeftOut: true});
      }
    } catch (error) {
      // The server has done nothing of it. Where it is out of reach nobody can tell, and the others would fail as well.
      for (const one of calls) {
        if (isOutage(error)) one.fail(error);
        else void this.#alone(one);
      }
    }
  }

  #alone({call, until, give, fail}: Waiting<T>): Promise<void> {
    return this.#ways.alone(call, until).then(give, fail);
  }
}

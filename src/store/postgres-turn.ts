import {isOutage} from './postgres-error.ts';
import {soon, type Answer} from './postgres-link.ts';
import {Turn} from './turn.ts';

/** What is answered to a call of several that was left out, as it would have waited for a lock. */
const leftOut = 'left out';

/** How calls are made: one by itself, or several in one round trip and one transaction, until a moment. */
interface Ways<T> {
  alone(call: T, until: number): Promise<Answer>;
  together(calls: readonly T[], until: number): Promise<readonly Answer[]>;
}

interface Waiting<T> {
  readonly call: T;
  readonly until: number;
  readonly give: (answer: Answer) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Calls that travel together: those of one turn of the event loop. One by itself goes as it would without. What hinders one of them
 * hinders it alone: it goes by itself then.
 */
export class PostgresTurn<T> {
  readonly #ways: Ways<T>;
  readonly #turn = new Turn<Waiting<T>>(calls => this.#make(calls));

  constructor(ways: Ways<T>) {
    this.#ways = ways;
  }

  join(call: T): Promise<Answer> {
    return new Promise((give, fail) => this.#turn.add({call, until: soon(), give, fail}));
  }

  #make(calls: readonly Waiting<T>[]): void {
    if (calls.length === 1) return this.#alone(calls[0]!);
    this.#ways
      .together(
        calls.map(({call}) => call),
        calls[0]!.until,
      )
      .then(
        answers => this.#answer(calls, answers),
        (error: unknown) => {
          // The server has done nothing of it. Where it is out of reach nobody can tell, and the others would fail as well.
          const retry = (one: Waiting<T>) => (isOutage(error) ? one.fail(error) : this.#alone(one));
          calls.forEach(retry);
        },
      );
  }

  #answer(calls: readonly Waiting<T>[], answers: readonly Answer[]): void {
    for (const [i, one] of calls.entries()) {
      if (answers[i] === leftOut) this.#alone(one);
      else one.give(answers[i]);
    }
  }

  #alone({call, until, give, fail}: Waiting<T>): void {
    this.#ways.alone(call, until).then(give, fail);
  }
}

import test from 'ava';
import {storeContract, type TestClock} from 'espalier/testing';
import {HeldStore} from '../../src/cli/held-store.ts';
import type {Link} from '../../src/cli/link.ts';
import type {Answer, Question} from '../../src/cli/run.ts';
import {SessionKeeper} from '../../src/cli/session-keeper.ts';

/** The way between two processes, without them: all that goes over it is a copy. */
class Way implements Pick<Link, 'ask' | 'tell'> {
  readonly #keeper: SessionKeeper;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #count = 0;

  constructor(keeper: SessionKeeper) {
    this.#keeper = keeper;
  }

  tell(question: Question): void {
    if (question.espalier === 'make') this.#keeper.make(question);
  }

  ask(question: Parameters<Link['ask']>[0]): Promise<unknown> {
    const id = (this.#count += 1);
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    const asked = structuredClone({...question, id}) as Extract<Question, {espalier: 'call'}>;
    void this.#keeper.answer({tell: answer => this.#come(answer)}, asked);
    return waiting.promise;
  }

  #come(given: Answer): void {
    const answer = structuredClone(given);
    if (answer.espalier !== 'done') return;
    const {fault, value} = answer;
    if (fault) this.#waiting.get(answer.id)!.reject(Object.assign(new Error(fault.message), {code: fault.code}));
    else this.#waiting.get(answer.id)!.resolve(value);
  }
}

const limits = {limit: 100_000, bytes: 2 ** 28};

/** As many programs as are opened share what one keeper holds, which lives by one clock: who has another gets the first store. */
function held() {
  let first: {keeper: SessionKeeper; clock: TestClock; store: HeldStore} | undefined;
  const open = (clock: TestClock) => {
    if (first) return clock === first.clock ? new HeldStore(new Way(first.keeper), 1, limits) : first.store;
    const keeper = new SessionKeeper(clock);
    first = {keeper, clock, store: new HeldStore(new Way(keeper), 1, limits)};
    return first.store;
  };
  return {open, dispose: () => undefined};
}

for (const {title, run} of storeContract(held)) {
  test(title, async t => {
    await run();
    t.pass();
  });
}

test('the stores of a program are apart, each by its number', async t => {
  const keeper = new SessionKeeper();
  const [one, other] = [1, 2].map(number => new HeldStore(new Way(keeper), number, limits));
  await one!.create({uid: 'a', isSecure: false, idleTimeout: 1000, absoluteTimeout: 1000, device: undefined});
  t.truthy(await one!.find('a', false));
  t.is(await other!.find('a', false), undefined);
});

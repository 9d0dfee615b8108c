import test from 'ava';
import {storeContract, type TestClock} from 'espalier/testing';
import {HeldStore} from '../../src/cli/held-store.ts';
import type {Link} from '../../src/cli/link.ts';
import type {Answer, Question} from '../../src/cli/run.ts';
import {SessionKeeper} from '../../src/cli/session-keeper.ts';

/** The way between two processes, without them: all that goes over it is a copy. */
class Way implements Pick<Link, 'ask' | 'tell' | 'hearEnds'> {
  readonly #keeper: SessionKeeper;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #hear: (key: string, reason: never) => void = () => undefined;
  #count = 0;

  constructor(keeper: SessionKeeper) {
    this.#keeper = keeper;
  }

  hearEnds(_store: number, listener: (key: string, reason: never) => void): void {
    this.#hear = listener;
  }

  tell(question: Question): void {
    if (question.espalier === 'make') this.#keeper.make({tell: answer => this.#come(answer)}, question);
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
    if (answer.espalier === 'ended') this.#hear(answer.key, answer.reason as never);
    if (answer.espalier !== 'done') return;
    const {fault, value} = answer;
    if (fault) this.#waiting.get(answer.id)!.reject(Object.assign(new Error(fault.message), {code: fault.code}));
    else this.#waiting.get(answer.id)!.resolve(value);
  }
}

const limits = {limit: 1000, bytes: 2 ** 24};

/** As many programs as are opened share what one keeper holds. */
function held() {
  let keeper: SessionKeeper | undefined;
  const open = (clock: TestClock) => new HeldStore(new Way((keeper ??= new SessionKeeper(clock))), 1, limits);
  return {open, dispose: () => keeper?.close()};
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
  await one!.create({uid: 'a', isSecure: false, idleTimeout: 1000, absoluteTimeout: 1000});
  t.truthy(await one!.find('a', false));
  t.is(await other!.find('a', false), undefined);
  keeper.close();
});

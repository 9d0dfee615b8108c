import {Gate} from './gate.ts';
import type {Question, Run} from './run.ts';
import {faultOf, SessionKeeper} from './session-keeper.ts';

/** What stays while one run follows another: the ports that programs listen on, and the sessions that they hold in memory. */
export class Kept {
  readonly gate = new Gate();
  readonly #sessions = new SessionKeeper();

  /** Answer a run that asks for one of these. Gives whether that is what it asked. */
  answer(run: Run, question: Question): boolean {
    if (question.espalier === 'open') void this.#open(run, question);
    else if (question.espalier === 'close') this.gate.close(run, question.id);
    else if (question.espalier === 'make') this.#sessions.make(question);
    else if (question.espalier === 'call') void this.#sessions.answer(run, question);
    else return false;
    return true;
  }

  /** It has ended: it gets no connection any more. */
  forget(run: Run): void {
    this.gate.leave(run);
  }

  async #open(run: Run, {id, address, port}: Extract<Question, {espalier: 'open'}>): Promise<void> {
    try {
      await this.gate.open(run, id, address, port);
    } catch (error) {
      run.tell({espalier: 'done', id, fault: faultOf(error)});
    }
  }
}

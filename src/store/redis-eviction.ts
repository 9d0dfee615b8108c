import {warn, type Logger} from '../logger.ts';
import {OutageLog} from '../outage-log.ts';

/** Tells an operator whether Redis may throw away what is kept in it. */
export class RedisEviction {
  readonly #name: string;
  readonly #logger: Logger;
  readonly #refusals: OutageLog;
  /** The policy of each server, by what lies there. */
  readonly #policies = new Map<unknown, string>();
  #policy = 'noeviction';

  /** `name` is how a log line names the server. */
  constructor(name: string, logger: Logger) {
    this.#name = name;
    this.#logger = logger;
    this.#refusals = new OutageLog(logger);
  }

  /** Hear what the policy is where a part of the store lies: nothing where it can't be read. Each change of the worst is told once. */
  hear(heard: string, part?: unknown): void {
    const policies = [...this.#policies.set(part, heard).values()];
    const policy = policies.find(isFatal) ?? policies.find(other => other !== 'noeviction') ?? 'noeviction';
    if (isFatal(policy)) this.refuse(policy);
    else this.#refusals.recover(`${this.#name} has another maxmemory-policy now: whoever wants to can sign in again.`);
    if (policy !== this.#policy && !isFatal(policy) && policy !== 'noeviction')
      warn(this.#logger, this.#warningOf(policy));
    this.#policy = policy;
  }

  /** That nobody can sign in under this policy. */
  refuse(policy: string): Error {
    const reason = `${this.#name} may throw away any key (maxmemory-policy ${policy}), and so who is signed in`;
    const error = new Error(`${reason}.`);
    this.#refusals.fail(`${reason}: nobody can sign in until it is noeviction.`, error);
    return error;
  }

  #warningOf(policy: string): string {
    if (policy === '') {
      return `Whether ${this.#name} throws sessions away can not be seen: allow the store's user the command INFO (+info).`;
    }
    return `${this.#name} may throw sessions away without an end (maxmemory-policy ${policy}): make that noeviction.`;
  }
}

function isFatal(policy: string): boolean {
  return policy.startsWith('allkeys');
}

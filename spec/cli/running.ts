import {spawn} from 'node:child_process';
import {renameSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {ExecutionContext} from 'ava';
import {until} from '../until.ts';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A command that goes on, as `dev` and `serve`, until the test ends. */
export class Running {
  readonly folder: string;
  readonly child;
  /** What it has printed so far, on both. */
  output = '';

  constructor(t: ExecutionContext, args: readonly string[], folder: string, env: NodeJS.ProcessEnv = {}) {
    this.folder = folder;
    const {NO_COLOR: _none, FORCE_COLOR: _forced, PORT: _port, HOST: _host, ...rest} = process.env;
    this.child = spawn(process.execPath, [main, ...args], {cwd: folder, env: {...rest, ...env}});
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.output += text));
    }
    t.teardown(() => this.child.kill('SIGKILL'));
  }

  /** Waits for this in what it prints; gives what the brackets hold, or all of it. */
  async prints(form: RegExp, from = 0): Promise<string> {
    const [all, part] = await until(() => form.exec(this.output.slice(from)), `${form} in ${this.output}`, 40_000);
    return part ?? all;
  }

  /** Where it listens. */
  async url(): Promise<string> {
    return this.prints(/Listening on (\S+)/);
  }

  /** Save a file as an editor does: another one comes in its place. */
  write(name: string, text: string): void {
    writeFileSync(join(this.folder, `${name}.new`), text);
    renameSync(join(this.folder, `${name}.new`), join(this.folder, name));
  }

  /** Its exit code, or the signal that has ended it, when it has ended. */
  async ended(): Promise<number | string> {
    await until(() => this.child.exitCode !== null || this.child.signalCode !== null);
    return this.child.exitCode ?? this.child.signalCode!;
  }
}

/** Ask for a page until it answers so. */
export async function answers(url: string, form: RegExp, init: RequestInit = {}): Promise<string> {
  let text = '';
  return until(
    async () => {
      text = await (await fetch(url, {...init, signal: AbortSignal.timeout(20_000)})).text();
      return form.test(text) && text;
    },
    `${form} at ${url}`,
    40_000,
  );
}

/** A site that counts the visits of a session, and says a word from another file. */
export const counting = {
  'shop.ts': `
import {Get, OnExpire, Child, Post, Resource, SessionComponent, SessionService, inject, serve} from 'espalier';
import {word} from './word.ts';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
class Out {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async leave() {
    await this.sessions.expire();
    return 'bye';
  }

  @OnExpire()
  tell() {
    console.log('It ended.');
  }
}

@Resource()
@Child('out', Out)
class Shop {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    await session.update(Visits, visits => (visits.count += 1));
    return word + ' ' + session.get(Visits).count;
  }
}

await serve(Shop, {port: 0});
`,
  'word.ts': `export const word = 'one';`,
};

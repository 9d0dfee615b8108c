import {inspect, styleText} from 'node:util';
import {EspalierError} from '../errors.ts';

// Before a program that is looked at has its own go elsewhere.
const write = process.stdout.write.bind(process.stdout);

/** Print on stdout. */
export function print(text: string): void {
  write(`${text}\n`);
}

/** Print plain data. What JSON has no words for, as classes, has to be taken out before. */
export function printJson(data: unknown): void {
  print(JSON.stringify(data, undefined, 2));
}

/** A text in colour, where stdout is a terminal, or `FORCE_COLOR` says so; never where `NO_COLOR` does. */
export function paint(format: Parameters<typeof styleText>[0], text: string): string {
  return styleText(format, text, {stream: process.stdout});
}

/** End the process with the exit code that a command gives, whatever is open. What it throws is printed, with code 1. */
export async function finish(command: Promise<number | void>): Promise<never> {
  const code = await command.catch((error: unknown) => {
    process.stderr.write(`${error instanceof EspalierError ? error.message : inspect(error)}\n`);
    return 1;
  });
  // What is printed may still be on its way.
  return new Promise(() => write('', () => process.exit(code ?? 0)));
}

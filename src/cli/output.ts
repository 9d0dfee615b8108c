import {inspect, styleText} from 'node:util';
import {EspalierError} from '../errors.ts';
import {ownFolders} from '../place.ts';

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

type Format = Parameters<typeof styleText>[0] | ((cell: string) => string) | undefined;

/** Rows whose columns stand below one another, each painted in its own way. A column that is empty in all rows is left out. */
export function aligned(rows: readonly (readonly string[])[], formats: readonly Format[]): string[] {
  const widths = formats.map((_format, at) => Math.max(0, ...rows.map(row => row[at]!.length)));
  return rows.map(row =>
    row
      .map((cell, at) => painted(cell, formats[at]) + ' '.repeat(widths[at]! - cell.length))
      .filter((_cell, at) => widths[at]! > 0)
      .join('  ')
      .trimEnd(),
  );
}

function painted(cell: string, format: Format): string {
  if (format === undefined || cell === '') return cell;
  return typeof format === 'function' ? format(cell) : paint(format, cell);
}

/** `1 resource`, `2 resources`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** An error as a text: that of ours is its message, others have the lines of the stack that the program is in. */
export function textOf(error: unknown): string {
  if (error instanceof EspalierError) return error.message;
  const lines = inspect(error).split('\n');
  const text = lines.filter(line => !/^ +at /.test(line) || isOfProgram(line)).join('\n');
  return /ReferenceError: .* before initialization/.test(text) ? `${text}\n${tooEarly}` : text;
}

const tooEarly =
  'It is declared further down, or its module imports this one. In @Child write a function: () => TheClass.';

function isOfProgram(line: string): boolean {
  return !line.includes('node:internal/') && !line.includes('/node_modules/') && !isOurs(line);
}

function isOurs(line: string): boolean {
  return ownFolders.some(folder => line.includes(folder));
}

/** End the process with the exit code that a command gives, whatever is open. What it throws is printed, with code 1. */
export async function finish(command: Promise<number | void>): Promise<never> {
  const code = await command.catch((error: unknown) => {
    process.stderr.write(`${textOf(error)}\n`);
    return 1;
  });
  // What is printed may still be on its way.
  return new Promise(() => write('', () => process.exit(code ?? 0)));
}

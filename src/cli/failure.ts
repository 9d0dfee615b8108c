import {readFileSync} from 'node:fs';
import {relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {inspect} from 'node:util';
import {ownFolder} from '../place.ts';

/** Why a program does not run, and where. It can go to another process. */
export interface Failure {
  /** What the error says. */
  readonly message: string;
  /** The file in full, and the line and column, from 1 on, where they are known. */
  readonly file: string | undefined;
  readonly line: number | undefined;
  readonly column: number | undefined;
  /** The lines around it, with a mark at the one. */
  readonly frame: string;
  readonly stack: string;
}

interface Spot {
  readonly file: string;
  readonly line: number;
  readonly column: number | undefined;
}

/** What there is to say of an error that a program has failed with. */
export function failureOf(error: unknown): Failure {
  const message = messageOf(error);
  const stack = error instanceof Error && typeof error.stack === 'string' ? error.stack : message;
  const spot = spotIn(message, stack);
  const {file, line, column} = spot ?? {};
  return {message, file, line, column, frame: spot ? frameAt(spot) : '', stack};
}

/** A failure in words for a terminal, or a log. */
export function tellFailure(failure: Failure): string {
  const {message, frame} = failure;
  return [message, placeOf(failure), frame].filter(Boolean).join('\n');
}

/** File and line as people say them, seen from the working directory. */
export function placeOf({file, line, column}: Pick<Failure, 'file' | 'line' | 'column'>): string | undefined {
  if (file === undefined) return undefined;
  const path = relative(process.cwd(), file);
  return [path.startsWith('..') ? file : path, line, column].filter(part => part !== undefined).join(':');
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return `Thrown was ${inspect(error)}, which is no error.`;
  const {name, code} = error as NodeJS.ErrnoException;
  const isSaid = name === 'Error' || name === 'EspalierError' || typeof code === 'string';
  return isSaid ? error.message : `${name}: ${error.message}`;
}

const forms: readonly RegExp[] = [
  // esbuild's and TypeScript's messages
  /^(?<file>\S.*?)[:(](?<line>\d+)[:,](?<column>\d+)\)?: /m,
  // SWC's
  /[,╭]-\[(?<file>.+?):(?<line>\d+):(?<column>\d+)\]/,
];

/** Where it happened: as the compiler says it, or Node of what it can't parse, or the first place in the stack that is the program's. */
function spotIn(message: string, stack: string): Spot | undefined {
  const [first = ''] = stack.split('\n');
  const parsed = /^(?<file>(?:file:\/\/|\/|[A-Za-z]:\\).+):(?<line>\d+)$/.exec(first);
  const said = forms.map(form => form.exec(message)).find(match => match && isFile(match.groups!['file']!));
  return spotOf(parsed ?? said) ?? importerIn(message) ?? callerIn(stack);
}

function callerIn(stack: string): Spot | undefined {
  const frames = stack
    .split('\n')
    .map(frame => /(?:\(|at )(?<file>(?:file:\/\/|\/|[A-Za-z]:\\).+?):(?<line>\d+):(?<column>\d+)\)?$/.exec(frame));
  return spotOf(frames.find(match => match && isPrograms(match.groups!['file']!)));
}

/** The line that imports what is not there. */
function importerIn(message: string): Spot | undefined {
  const [, wanted, importer] = /^Cannot find (?:module|package) '(.+?)' imported from '?(.+?)'?$/m.exec(message) ?? [];
  if (wanted === undefined || importer === undefined) return undefined;
  const file = pathOf(importer);
  const name = wanted.replace(/^.*[\\/]/, '');
  const lines = linesOf(file);
  const line = lines.findIndex(text => /\b(?:import|from|require)\b/.test(text) && text.includes(name));
  return line < 0 ? undefined : {file, line: line + 1, column: lines[line]!.indexOf(name) + 1};
}

function spotOf(match: RegExpExecArray | null | undefined): Spot | undefined {
  if (!match) return undefined;
  const {file, line, column} = match.groups!;
  // SWC and Node count columns from 1 on, esbuild from 0.
  const offset = /: ERROR: /.test(match.input) ? 1 : 0;
  return {file: pathOf(file!), line: Number(line), column: column === undefined ? undefined : Number(column) + offset};
}

function pathOf(file: string): string {
  return file.startsWith('file:') ? fileURLToPath(file) : file;
}

const ours = fileURLToPath(ownFolder);

function isPrograms(file: string): boolean {
  const path = pathOf(file);
  return !path.startsWith(ours) && !/[\\/]node_modules[\\/]/.test(path) && !path.startsWith(sources) && isFile(path);
}

// With source maps a stack tells of the sources, which are packed beside what was compiled.
const sources = ours.replace(/dist([\\/])src[\\/]$/, 'src$1');

function isFile(file: string): boolean {
  return linesOf(pathOf(file)).length > 0;
}

function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** The line, two before and two after it. */
function frameAt({file, line, column}: Spot): string {
  const lines = linesOf(file);
  const from = Math.max(0, line - 3);
  const shown = lines.slice(from, line + 2);
  const width = String(from + shown.length).length;
  return shown
    .flatMap((text, i) => {
      const number = from + i + 1;
      const head = `${number === line ? '>' : ' '} ${String(number).padStart(width)} | `;
      const under = `${' '.repeat(width + 3)}| ${text.slice(0, (column ?? 1) - 1).replaceAll(/[^\t]/g, ' ')}^`;
      return number === line && column !== undefined ? [head + text, under] : [head + text];
    })
    .join('\n');
}

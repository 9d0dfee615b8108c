// What a part of the benchmark has measured, for the terminal.
import {pathToFileURL} from 'node:url';

/** Whether a module is the program that is being run. */
export const isProgram = url => process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url;

const line = cells => `| ${cells.join(' | ')} |`;

/** Measures, with `--quick` in little time and so for no more than to see that it works, and prints a table. */
export async function printMeasured(measure) {
  const quick = process.argv.includes('--quick');
  const {title, rows, notes} = await measure({node: process.execPath, quick, log: console.error});
  const columns = [...new Set(rows.flatMap(Object.keys))];
  const body = rows.map(row => line(columns.map(column => row[column] ?? '')));
  console.log([`${title}\n`, line(columns), line(columns.map(() => '---')), ...body, ''].join('\n'));
  for (const note of notes) console.log(`- ${note}`);
}

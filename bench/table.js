// What a part of the benchmark has measured, as a table in Markdown.
import {pathToFileURL} from 'node:url';

/** Whether a module is the program that is being run. */
export const isProgram = url => process.argv[1] !== undefined && pathToFileURL(process.argv[1]).href === url;

const line = cells => `| ${cells.join(' | ')} |`;

export function table(head, rows) {
  const rule = head.map((_, i) => (i === 0 ? '---' : '--:'));
  return [head, rule, ...rows].map(line).join('\n');
}

const legible = value => (typeof value === 'number' && value >= 1000 ? Math.round(value).toLocaleString('en') : value);

/** A table of rows that are objects, with a column for each key. */
export function tableOf(rows) {
  const columns = [...new Set(rows.flatMap(Object.keys))];
  return table(
    columns,
    rows.map(row => columns.map(column => legible(row[column]) ?? '')),
  );
}

/** Measures, with `--quick` in little time and so for no more than to see that it works, and prints a table. */
export async function printMeasured(measure) {
  const quick = process.argv.includes('--quick');
  const {title, rows, notes} = await measure({node: process.execPath, quick, log: console.error});
  console.log(`${title}\n\n${tableOf(rows)}\n`);
  for (const note of notes) console.log(`- ${note}`);
}

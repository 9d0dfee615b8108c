// What a database runs is written in its own language, in files that editors know. Each is put beside itself as a module, which
// gives it letter for letter.
import {globSync, readFileSync, writeFileSync} from 'node:fs';

/** The files that have a module. */
export const embedded = globSync('src/**/*.{sql,lua}').toSorted();

/** The module of one. */
export function moduleOf(file) {
  return `export const text = ${JSON.stringify(readFileSync(file, 'utf8'))};\n`;
}

if (import.meta.main) {
  for (const file of embedded) writeFileSync(`${file}.ts`, moduleOf(file));
}

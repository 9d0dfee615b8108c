import {mkdtempSync, rmSync, utimesSync, writeFileSync, mkdirSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import type {ExecutionContext} from 'ava';

/** When the files of a test were changed: long ago, so that their tags are strong. */
export const changedAt = Date.parse('2026-11-20T10:00:00Z');

/** A folder with these files, until the test ends. */
export function temporaryFolder(
  t: ExecutionContext,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-files-'));
  t.teardown(() => rmSync(folder, {recursive: true, force: true}));
  for (const [name, content] of Object.entries(files)) put(join(folder, name), content);
  return folder;
}

/** Write a file, as of this moment. */
export function put(path: string, content: string | Uint8Array, at = changedAt): void {
  mkdirSync(dirname(path), {recursive: true});
  writeFileSync(path, content);
  utimesSync(path, at / 1000, at / 1000);
}

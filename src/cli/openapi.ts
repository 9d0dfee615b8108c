import {existsSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {documentOfAll, documentsIn} from '../builtin/open-api.ts';
import {inspect} from './inspect.ts';
import {printJson} from './output.ts';

/** Print the document that `openApi()` of the tree shows; without one, that of the whole tree. */
export async function openapi(path: string): Promise<void> {
  const {file, view, sessions} = await inspect(path);
  const [shown = documentOfAll(view.root, sessions.cookieName, infoOf(file))] = documentsIn(
    view.root,
    sessions.cookieName,
  );
  for (const warning of shown.warnings) process.stderr.write(`${warning}\n`);
  printJson(shown.document);
}

/** What the nearest package.json says of the project of a file. */
function infoOf(file: string): {title: string; version: string} {
  const folder = dirname(file);
  const manifest = join(folder, 'package.json');
  const {name: title, version = '0.0.0'} = existsSync(manifest)
    ? (JSON.parse(readFileSync(manifest, 'utf8')) as {name?: string; version?: string})
    : {};
  if (title !== undefined) return {title, version};
  return folder === dirname(folder) ? {title: 'API', version} : infoOf(folder);
}

import {text as functions} from './postgres-functions.sql.ts';

const file = 'postgres-functions.sql';

/** On which line of the file the text of each function begins, by its name, and by its name and the types of what it takes. */
const beginnings = new Map<string, number>();
for (const {index, 1: name, 2: taken} of functions.matchAll(
  /^CREATE OR REPLACE FUNCTION espalier\."?(\w+)"?\(([^)]*)\)/gm,
)) {
  const types = taken!.split(',').map(one => one.trim().replace(/^\S+ /, ''));
  const line = functions.slice(0, functions.indexOf('$body$', index)).split('\n').length;
  beginnings.set(`${name}(${types.join()})`, line);
  if (!beginnings.has(name!)) beginnings.set(name!, line);
}

/** Where in our files something failed, from the context that the server gives: `postgres-functions.sql:120, in write`. */
export function placeOf(context = ''): string | undefined {
  for (const [, procedure, line, name] of context.matchAll(
    /^(?:PL\/pgSQL function (.+\)) line (\d+)|SQL function "(\w+)")/gm,
  )) {
    const called =
      procedure
        ?.replace(/^(?:"\w+"|\w+)\."?(\w+)"?/, '$1')
        .replaceAll(/(?:"\w+"|\w+)\.session\b/g, 'espalier.session') ?? name!;
    const beginning = beginnings.get(called);
    if (beginning !== undefined)
      return `${file}:${beginning + Number(line ?? 1) - 1}, in ${called.replace(/\(.*/, '')}`;
  }
  return undefined;
}

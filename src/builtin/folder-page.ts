import {html, type Html} from '../http/html.ts';
import {encodePath} from '../http/path.ts';
import type {Entry} from './folder.ts';

/** What the page may load: its own style, and nothing else. */
export const folderPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** A page that lists a folder: folders first, each by its name. `isWhole` is whether these are all, `hasParent` whether the way up is shown. */
export function folderPage(
  path: string,
  entries: readonly Entry[],
  {isWhole, hasParent}: {readonly isWhole: boolean; readonly hasParent: boolean},
): Html {
  const inOrder = entries.toSorted((one, other) => rank(one) - rank(other) || (one.name < other.name ? -1 : 1));
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${path}</title>
<style>body { font: 1rem system-ui; margin: 2rem } td + td { padding-left: 2rem; text-align: right }</style>
<h1>${path}</h1>
<table>
${hasParent && html`<tr><td><a href="../">../</a><td>\n`}${inOrder.map(rowOf)}</table>
${!isWhole && html`<p>There is more than this page has room for.</p>`}
</html>
`;
}

function rank({size}: Entry): number {
  return size === undefined ? 0 : 1;
}

/** The dot keeps a name with a colon from being a scheme. */
function rowOf({name, size}: Entry): Html {
  const slash = size === undefined ? '/' : '';
  return html`<tr><td><a href="${`.${encodePath([name])}${slash}`}">${name}${slash}</a><td>${size !== undefined && sizeOf(size)}\n`;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function sizeOf(bytes: number): string {
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${Number((bytes / 1024 ** power).toFixed(1))} ${units[power]}`;
}

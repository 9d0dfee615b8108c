import type {ResourceView} from '../resource/tree-view.ts';

/** The resources of a site that answer, each with its URL and verbs, in lines. */
export function urlsOf(root: ResourceView, url: string): string {
  const rows = rowsOf(root);
  const width = Math.max(0, ...rows.map(({pattern}) => pattern.length));
  return rows.map(({pattern, verbs, name}) => `${url}${pattern.padEnd(width)}  ${verbs}  ${name}`).join('\n');
}

interface Row {
  readonly pattern: string;
  readonly verbs: string;
  readonly name: string;
}

function rowsOf({pattern, name, handlers, children}: ResourceView): Row[] {
  const verbs = handlers.map(({verb}) => verb).join(' ');
  return [...(verbs === '' ? [] : [{pattern, verbs, name}]), ...children.flatMap(rowsOf)];
}

import type {ResourceView} from '../resource/tree-view.ts';

/** The resources of a site that answer, each with its URL and verbs, in lines. */
export function urlsOf(root: ResourceView, url: string): string {
  const rows = rowsOf(root);
  const places = rows.map(({pattern, host}) => hostedAt(url, host) + pattern);
  const width = Math.max(0, ...places.map(place => place.length));
  return rows.map(({verbs, name}, at) => `${places[at]!.padEnd(width)}  ${verbs}  ${name}`).join('\n');
}

/** The origin of a site under the name of one of its hosts; `*` stands for all others. */
function hostedAt(url: string, host: string | undefined): string {
  return host === undefined || host === '*' ? url : url.replace(/(?<=:\/\/)(?:\[[^\]]*\]|[^:/]*)/, host);
}

interface Row {
  readonly pattern: string;
  readonly host: string | undefined;
  readonly verbs: string;
  readonly name: string;
}

function rowsOf({pattern, host, name, handlers, socket, children}: ResourceView): Row[] {
  const verbs = [...handlers.map(({verb}) => verb), ...(socket ? ['SOCKET'] : [])].join(' ');
  return [...(verbs === '' ? [] : [{pattern, host, verbs, name}]), ...children.flatMap(rowsOf)];
}

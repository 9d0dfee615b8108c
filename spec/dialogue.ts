import {request as httpRequest, STATUS_CODES} from 'node:http';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import type {ExecutionContext} from 'ava';
import {CookieJar} from 'tough-cookie';

/** A request, and what a page says of the answer: its status, some of its headers, and its body. */
interface Exchange {
  readonly request: string;
  readonly headers: readonly string[];
  readonly sent: string;
  readonly status: string;
  readonly answered: readonly string[];
  readonly body: string;
}

/**
 * The exchanges in a block: lines after `> ` are sent and those after `< ` come back; what follows is the body that comes
 * back, up to an empty line. A lone `>` stands between the headers and the body that is sent.
 */
export function exchangesIn(block: string): Exchange[] {
  return block
    .trim()
    .split(/\n\n(?=> )/)
    .map(exchange => {
      const lines = exchange.split('\n');
      const after = (mark: string) => lines.filter(line => line.startsWith(mark)).map(line => line.slice(2));
      const [request, ...rest] = after('>');
      const gap = rest.indexOf('');
      const [status, ...answered] = after('< ');
      const body = lines.filter(line => !/^(?:>|< )/.test(line)).join('\n');
      const [headers, sent] = gap < 0 ? [rest, []] : [rest.slice(0, gap), rest.slice(gap + 1)];
      // RFC 2046, section 4.1.1.
      const lineBreak = headers.some(header => header.startsWith('Content-Type: multipart/')) ? '\r\n' : '\n';
      return {request: request!, headers, sent: sent.join(lineBreak), status: status!, answered, body};
    });
}

/** Hold the exchanges, in order, as one visitor. `{name}` stands for the same text wherever it stands; two names differ. */
export async function replay(t: ExecutionContext, url: string, exchanges: readonly Exchange[]): Promise<void> {
  const jar = new CookieJar();
  const known = new Map<string, string>();
  for (const {request, headers, sent, status, answered, body} of exchanges) {
    const [method, path] = request.split(' ') as [string, string];
    const cookie = await jar.getCookieString(url);
    const answer = await ask(url, method, path, [...headers, ...(cookie ? [`Cookie: ${cookie}`] : [])], sent);
    for (const each of answer.setCookies) await jar.setCookie(each, url);
    t.is(`${answer.status} ${STATUS_CODES[answer.status]}`, status, request);
    for (const header of answered)
      t.true(
        answer.headers.some(line => matches(header, line, known)),
        `${request}: ${header}`,
      );
    if (body)
      t.true(matches(body, answer.body.replaceAll(/\n\n+/g, '\n').trimEnd(), known), `${request} gave\n${answer.body}`);
  }
}

// Not fetch(), which would tidy the path before it is sent.
async function ask(url: string, method: string, path: string, headers: readonly string[], sent: string) {
  const {hostname, port} = new URL(url);
  const pairs = headers.map(line => line.split(': ') as [string, string]);
  const request = httpRequest({hostname, port, method, path, headers: Object.fromEntries(pairs)}).end(sent);
  const [response] = await once(request, 'response');
  const lines = Array.from({length: response.rawHeaders.length / 2}, (_, i) =>
    response.rawHeaders.slice(i * 2, i * 2 + 2).join(': '),
  );
  return {
    status: response.statusCode as number,
    headers: lines as string[],
    setCookies: (response.headers['set-cookie'] ?? []) as string[],
    body: await text(response),
  };
}

function matches(expected: string, actual: string, known: Map<string, string>): boolean {
  const names: string[] = [];
  const pattern = expected.split(/(\{[a-z]+\})/).map(part => {
    if (!/^\{[a-z]+\}$/.test(part)) return part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
    names.push(part);
    return '(.+?)';
  });
  const found = new RegExp(`^${pattern.join('')}$`).exec(actual);
  return found !== null && names.every((name, i) => isConsistent(name, found[i + 1]!, known));
}

function isConsistent(name: string, value: string, known: Map<string, string>): boolean {
  if (known.has(name)) return known.get(name) === value;
  if ([...known.values()].includes(value)) return false;
  known.set(name, value);
  return true;
}

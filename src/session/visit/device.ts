import type {Request} from '../../http/request.ts';

/** What a session notes of the visitor who begins it: the browser, as it calls itself, and their address; or nothing. */
export type DeviceOption = 'agent' | 'agent and address' | false;

/** As many characters as a store keeps. */
const most = 256;

/** With what a visitor comes, in words that they may recognise. */
export function deviceOf(request: Request, option: DeviceOption): string | undefined {
  if (option === false) return undefined;
  const agent = request.headers['user-agent'] ?? '';
  if (option === 'agent') return agent === '' ? undefined : excerpt(agent, most);
  const {ip} = request;
  const from = ip === '' ? '' : `(${ip})`;
  return [excerpt(agent, most - from.length - 1), from].filter(Boolean).join(' ') || undefined;
}

/** The beginning of a text, cut first: it may be long. Nothing in it moves a cursor, or is half a character. */
function excerpt(text: string, length: number): string {
  return text
    .slice(0, length)
    .replaceAll(/\p{Cc}/gu, ' ')
    .toWellFormed();
}

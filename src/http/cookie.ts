import {type SetCookie, stringifySetCookie} from 'cookie';
import {anything, flag, type Kinds} from '../options.ts';

/** The attributes of a cookie: those of RFC 6265bis. `maxAge` is in seconds. */
export type CookieOptions = Omit<SetCookie, 'name' | 'value'>;

/** The names of `CookieOptions`. What the values of most may be is for `stringifySetCookie` to say. */
export const cookieKinds: Kinds<CookieOptions> = {
  domain: anything,
  path: anything,
  maxAge: anything,
  expires: anything,
  httpOnly: flag,
  secure: flag,
  partitioned: flag,
  priority: anything,
  sameSite: anything,
};

/** Readable by this site alone, not by scripts, and not sent along from another site's forms. */
const careful: CookieOptions = {path: '/', httpOnly: true, sameSite: 'lax'};

/** The text of one `Set-Cookie` header. Throws a TypeError for a name, value or attribute that could smuggle in another. */
export function setCookieText(name: string, value: string, options: CookieOptions = {}): string {
  const given = Object.fromEntries(Object.entries(options).filter(([, attribute]) => attribute !== undefined));
  return stringifySetCookie({...careful, ...given, name, value});
}

/**
 * Every value that a `Cookie` header gives `name`, as sent. The header is not parsed as a whole for one cookie, and only
 * spaces and tabs are trimmed, so that no look-alike of a prefixed name passes for it (CVE-2026-39410).
 */
export function cookieValues(header: string | undefined, name: string): string[] {
  const values: string[] = [];
  if (!header?.includes(name)) return values;
  for (let start = 0; start < header.length;) {
    const next = header.indexOf(';', start);
    const end = next < 0 ? header.length : next;
    const equals = header.indexOf('=', start);
    if (equals >= 0 && equals < end && trimBlanks(header.slice(start, equals)) === name) {
      values.push(trimBlanks(header.slice(equals + 1, end)));
    }
    start = end + 1;
  }
  return values;
}

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text[start])) start += 1;
  while (end > start && isBlank(text[end - 1])) end -= 1;
  return text.slice(start, end);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}

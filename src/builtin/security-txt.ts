import {checkOptions, kind, required, type Kinds} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Get} from '../resource/verbs.ts';
import {Resource} from '../resource/resource.ts';
import {refusable} from './refusable.ts';

/** What people who have found a weakness are told, each as RFC 9116 names it. */
export interface SecurityTxtOptions {
  /** Where to write to, the best first: URLs of `mailto:`, `https:` or `tel:`. It has to be given. */
  readonly contact: string | readonly string[];
  /** When this is not to be trusted any more. Default: half a year after the start of the program. */
  readonly expires?: Date;
  /** Where this text is, so that a copy elsewhere is known for one: URLs of `https:`. Default: none. */
  readonly canonical?: string | readonly string[];
  /** Keys to write with: URLs of `https:`, `dns:` or `openpgp4fpr:`. Default: none. */
  readonly encryption?: string | readonly string[];
  /** Who has been thanked: URLs of `https:`. Default: none. */
  readonly acknowledgments?: string | readonly string[];
  /** How reports are treated: URLs of `https:`. Default: none. */
  readonly policy?: string | readonly string[];
  /** Work that there is in security: URLs of `https:`. Default: none. */
  readonly hiring?: string | readonly string[];
  /** The languages that reports may be in, as `en` or `pt-BR`. Default: any. */
  readonly preferredLanguages?: readonly string[];
}

const urls = (...schemes: readonly string[]) =>
  kind(
    `one or more URLs of ${schemes.join(', ')}`,
    value => listOf(value).length > 0 && listOf(value).every(url => isUrl(url, schemes)),
  );
const web = urls('https:');
const language = /^[a-z]{2,8}(?:-[a-z0-9]{1,8})*$/i;

const securityTxtKinds: Kinds<SecurityTxtOptions> = {
  contact: required(urls('mailto:', 'https:', 'tel:')),
  expires: kind('a Date', value => value instanceof Date && !Number.isNaN(value.getTime())),
  canonical: web,
  encryption: urls('https:', 'dns:', 'openpgp4fpr:'),
  acknowledgments: web,
  policy: web,
  hiring: web,
  preferredLanguages: kind(
    'a list of languages',
    value => Array.isArray(value) && value.length > 0 && value.every(one => language.test(String(one))),
  ),
};

const halfAYear = 182 * 24 * 60 * 60 * 1000;

/**
 * A resource that says how to report a weakness of a site (RFC 9116). Its place is `/.well-known/security.txt`. It is sent as it was
 * when the class was made. Throws `OPTION_INVALID`, also where there is no `contact`.
 */
export const securityTxt = refusable(makeSecurityTxt);

function makeSecurityTxt(options: SecurityTxtOptions): ResourceClass {
  checkOptions('securityTxt()', options, securityTxtKinds);
  const text = textOf(options);
  @Resource()
  class SecurityTxt {
    @Get()
    show(): string {
      return text;
    }
  }
  return SecurityTxt;
}

function textOf(options: SecurityTxtOptions): string {
  const {contact, expires = new Date(Date.now() + halfAYear), preferredLanguages = []} = options;
  const fields: readonly (readonly [name: string, values: readonly string[]])[] = [
    ['Contact', listOf(contact)],
    ['Expires', [expires.toISOString()]],
    ['Encryption', listOf(options.encryption)],
    ['Acknowledgments', listOf(options.acknowledgments)],
    ['Preferred-Languages', preferredLanguages.length > 0 ? [preferredLanguages.join(', ')] : []],
    ['Canonical', listOf(options.canonical)],
    ['Policy', listOf(options.policy)],
    ['Hiring', listOf(options.hiring)],
  ];
  return fields.flatMap(([name, values]) => values.map(value => `${name}: ${value}\n`)).join('');
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as T];
}

/** A URL that is no more than one line of it. */
function isUrl(value: unknown, schemes: readonly string[]): boolean {
  if (typeof value !== 'string' || !/^[!-~]+$/.test(value)) return false;
  return schemes.includes(URL.parse(value)?.protocol ?? '');
}

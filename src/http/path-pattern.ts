import {optionInvalid} from '../options.ts';
import type {Request} from './request.ts';

/**
 * Gives a function that tells whether a request's path fits one of some patterns: `/payment/return`; `/sign-in/:provider`, where
 * `:provider` is any one segment; `/saml/*`, where `*` is one or more. Paths are compared segment by segment, decoded. Throws
 * `OPTION_INVALID`, in the name of the `option` that the patterns are given by, for what is none.
 */
export function pathMatcher(option: string, patterns: readonly unknown[]): (request: Request) => boolean {
  const matches = patterns.map(pattern => matchOf(option, pattern));
  return request => matches.some(match => match(request.segments));
}

function matchOf(option: string, pattern: unknown): (segments: readonly string[]) => boolean {
  if (typeof pattern !== 'string' || !/^\/(?!\/)/.test(pattern)) {
    throw optionInvalid(
      `${option} takes a list of paths that begin with a slash: "/payment/return", "/sign-in/:provider", "/saml/*".`,
    );
  }
  const wanted = pattern === '/' ? [] : pattern.slice(1).split('/');
  const isOpen = wanted.at(-1) === '*';
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  return segments =>
    (isOpen ? segments.length > fixed.length : segments.length === fixed.length) &&
    fixed.every((segment, at) => (segment.startsWith(':') ? segments[at] !== '' : segment === segments[at]));
}

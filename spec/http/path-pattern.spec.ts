import test from 'ava';
import {Request} from 'espalier';
import {pathMatcher} from '../../src/http/path-pattern.ts';

const fits = (pattern: string, url: string) => pathMatcher('it', [pattern])(Request.from({url}));

for (const [pattern, yes, no] of [
  [
    '/payment/return',
    ['/payment/return', '/payment/return?a=1', '/p%61yment/return'],
    ['/payment', '/payment/return/', '/payment%2Freturn'],
  ],
  ['/sign-in/:provider', ['/sign-in/a', '/sign-in/%2F'], ['/sign-in', '/sign-in/', '/sign-in/a/b']],
  ['/saml/*', ['/saml/a', '/saml/a/b', '/saml/'], ['/saml', '/samla']],
  ['/', ['/'], ['/a']],
] as const) {
  test(`${pattern} means the paths that one would think, segment by segment, decoded`, t => {
    for (const url of yes) t.true(fits(pattern, url), url);
    for (const url of no) t.false(fits(pattern, url), url);
  });
}

test('what is no pattern is refused in the name of the option', t => {
  for (const pattern of ['payment', '//payment', '', 5, undefined]) {
    t.throws(() => pathMatcher('csrf except', [pattern]), {
      code: 'OPTION_INVALID',
      message: /^csrf except takes a list of paths/,
    });
  }
});

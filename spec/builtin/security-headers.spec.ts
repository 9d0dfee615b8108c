import test from 'ava';
import {createError, Get, html, Post, Resource, Use, type Request} from 'espalier';
import {cspNonce, securityHeaders, type SecurityHeadersOptions} from 'espalier/builtin/security-headers';
import {testSite} from 'espalier/testing';

/** A site with these headers. */
function guarded(options?: SecurityHeadersOptions) {
  @Use(securityHeaders(options))
  @Resource()
  class Root {
    @Get()
    show(request: Request) {
      return options?.nonce ? html`<script nonce="${cspNonce(request)}">1</script>` : 'shown';
    }
    @Post()
    fail() {
      throw createError(409);
    }
  }
  return testSite(Root, {csrf: false});
}

test('an answer has the headers by which browsers guard a page, one of an error too', async t => {
  const {visitor} = guarded();
  const ada = visitor('https://shop.example');
  for (const answer of [await ada.get('/'), await ada.get('/none'), await ada.post('/')]) {
    t.deepEqual(
      [...answer.headers].filter(([name]) => !/^(?:content-type|content-length|vary)$/.test(name)),
      [
        [
          'content-security-policy',
          "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests",
        ],
        ['cross-origin-opener-policy', 'same-origin'],
        ['cross-origin-resource-policy', 'same-origin'],
        ['origin-agent-cluster', '?1'],
        ['referrer-policy', 'same-origin'],
        ['strict-transport-security', 'max-age=31536000; includeSubDomains'],
        ['x-content-type-options', 'nosniff'],
        ['x-dns-prefetch-control', 'off'],
        ['x-download-options', 'noopen'],
        ['x-frame-options', 'SAMEORIGIN'],
        ['x-permitted-cross-domain-policies', 'none'],
        ['x-xss-protection', '0'],
      ],
    );
  }
});

test('over plain HTTP nothing sends a browser to TLS, which is not there', async t => {
  const {headers} = await guarded().visitor().get('/');
  t.is(headers.get('strict-transport-security'), null);
  t.notRegex(headers.get('content-security-policy')!, /upgrade-insecure-requests/);
  t.regex(headers.get('content-security-policy')!, /style-src 'self' https: 'unsafe-inline'$/);
});

test('the options are those of helmet', async t => {
  const {headers} = await guarded({
    xFrameOptions: {action: 'deny'},
    crossOriginOpenerPolicy: false,
    referrerPolicy: {policy: 'no-referrer'},
    contentSecurityPolicy: {directives: {'img-src': ["'self'", 'https://images.example']}, reportOnly: true},
  })
    .visitor()
    .get('/');
  t.is(headers.get('x-frame-options'), 'DENY');
  t.is(headers.get('cross-origin-opener-policy'), null);
  t.is(headers.get('referrer-policy'), 'no-referrer');
  t.regex(headers.get('content-security-policy-report-only')!, /img-src 'self' https:\/\/images\.example/);
  t.is(headers.get('content-security-policy'), null);
});

test('a page can have a nonce, another one for each answer, which its policy names', async t => {
  const {visitor} = guarded({nonce: true});
  const nonces = new Set<string>();
  for (let at = 0; at < 3; at += 1) {
    const answer = await visitor().get('/');
    const nonce = /nonce="([^"]+)"/
      .exec(await answer.text())![1]!
      .replaceAll('&#43;', '+')
      .replaceAll('&#x2B;', '+');
    nonces.add(nonce);
    const policy = answer.headers.get('content-security-policy')!;
    t.true(policy.includes(`script-src 'self' 'nonce-${nonce}'`), policy);
    t.true(policy.includes("script-src-attr 'none';"), 'nor for what takes none');
    t.regex(policy, /style-src 'self' https: 'unsafe-inline'$/, "nor beside 'unsafe-inline', which it would take away");
  }
  t.is(nonces.size, 3);
});

test('a nonce stands with styles too, where they are held to it', async t => {
  const directives = {'style-src': ["'self'"], 'script-src-elem': ["'self'"]};
  const {headers} = await guarded({nonce: true, contentSecurityPolicy: {directives}}).visitor().get('/');
  const policy = headers.get('content-security-policy')!;
  t.regex(policy, /style-src 'self' 'nonce-[\w+/]{22}=='/);
  t.regex(policy, /script-src-elem 'self' 'nonce-/);
});

test('a nonce that no policy names is refused', async t => {
  @Resource()
  class Root {
    @Get()
    show(request: Request) {
      return cspNonce(request);
    }
  }
  const {visitor, log} = testSite(Root);
  t.is((await visitor().get('/')).status, 500);
  t.like(log[0]!.error, {code: 'OPTION_INVALID'});
});

test('what helmet refuses, functions, and options that there are not are refused when the class is made', t => {
  for (const options of [
    {frameguards: false},
    {nonces: true},
    {contentSecurityPolicy: {directives: {'script-src': 'self'}}},
    {contentSecurityPolicy: {directives: {'script-src': [() => "'self'"]}}},
    {xFrameOptions: {action: 'allow'}},
    {nonce: 'yes'},
  ]) {
    t.throws(() => securityHeaders(options as never), {code: 'OPTION_INVALID', message: /^securityHeaders\(\)/});
  }
});

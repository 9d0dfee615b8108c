import test from 'ava';
import {Child, Resource} from 'espalier';
import {securityTxt, type SecurityTxtOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

async function textOf(options: SecurityTxtOptions): Promise<string> {
  @Resource()
  @Child('security.txt', securityTxt(options))
  class WellKnown {}
  @Resource()
  @Child('.well-known', WellKnown)
  class Shop {}
  const answer = await testSite(Shop).visitor().get('/.well-known/security.txt');
  return `${answer.headers.get('content-type')}\n${await answer.text()}`;
}

test('a reader of security.txt finds each field on lines of its own, the contacts in their order', async t => {
  t.is(
    await textOf({
      contact: ['mailto:security@shop.example', 'https://shop.example/report', 'tel:+49-30-1'],
      expires: new Date('2030-01-02T03:04:05Z'),
      encryption: 'openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f',
      acknowledgments: 'https://shop.example/thanks',
      preferredLanguages: ['en', 'pt-BR'],
      canonical: 'https://shop.example/.well-known/security.txt',
      policy: 'https://shop.example/policy',
      hiring: 'https://shop.example/jobs',
    }),
    `text/plain; charset=utf-8
Contact: mailto:security@shop.example
Contact: https://shop.example/report
Contact: tel:+49-30-1
Expires: 2030-01-02T03:04:05.000Z
Encryption: openpgp4fpr:5f2de5521c63a801ab59ccb603d49de44b29100f
Acknowledgments: https://shop.example/thanks
Preferred-Languages: en, pt-BR
Canonical: https://shop.example/.well-known/security.txt
Policy: https://shop.example/policy
Hiring: https://shop.example/jobs
`,
  );
});

test('where nothing is said of it, it expires half a year after the program has started', async t => {
  const day = 24 * 60 * 60 * 1000;
  const [, expires] = /^Expires: (.*)$/m.exec(await textOf({contact: 'mailto:a@b.example'}))!;
  t.is(Math.round((Date.parse(expires!) - Date.now()) / day), 182);
});

test('what would be no field of RFC 9116 is refused', t => {
  const contact = 'mailto:a@b.example';
  const wrong: object[] = [
    {},
    {contact: []},
    {contact: 'a@b.example'},
    {contact: 'http://shop.example'},
    {contact: 'https://shop.example/\nHiring: https://other.example'},
    {contact, expires: '2030-01-01'},
    {contact, expires: new Date(NaN)},
    {contact, policy: 'mailto:a@b.example'},
    {contact, preferredLanguages: []},
    {contact, preferredLanguages: ['en, de']},
    {contact, preferredLanguages: 'en'},
    {contact, contacts: contact},
  ];
  for (const options of wrong) {
    t.throws(
      () => securityTxt(options as SecurityTxtOptions),
      {code: 'OPTION_INVALID', message: /securityTxt\(\)/},
      JSON.stringify(options),
    );
  }
});

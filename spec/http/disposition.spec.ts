import test from 'ava';
import {attachment} from '../../src/http/disposition.ts';

for (const [name, header] of [
  ['report.pdf', 'attachment; filename="report.pdf"'],
  ['my report.pdf', 'attachment; filename="my report.pdf"'],
  ['Bericht März.pdf', 'attachment; filename="Bericht M?rz.pdf"; filename*=UTF-8\'\'Bericht%20M%C3%A4rz.pdf'],
  ['€ rates', 'attachment; filename="? rates"; filename*=UTF-8\'\'%E2%82%AC%20rates'],
  ['🦊.txt', 'attachment; filename="?.txt"; filename*=UTF-8\'\'%F0%9F%A6%8A.txt'],
  ['say "hi".txt', 'attachment; filename="say \\"hi\\".txt"'],
  ['50%41.txt', 'attachment; filename="50%41.txt"; filename*=UTF-8\'\'50%2541.txt'],
  ["it's (1)*é", "attachment; filename=\"it's (1)*?\"; filename*=UTF-8''it%27s%20%281%29%2A%C3%A9"],
  ['../../etc/passwd', 'attachment; filename="passwd"'],
  ['C:\\temp\\a.txt', 'attachment; filename="a.txt"'],
  ['a\r\nSet-Cookie: x=y', 'attachment; filename="aSet-Cookie: x=y"'],
  ['evil\u202Egpj.exe', 'attachment; filename="evilgpj.exe"'],
  ['\uD800.txt', 'attachment; filename="?.txt"; filename*=UTF-8\'\'%EF%BF%BD.txt'],
  ['', 'attachment'],
  ['a/', 'attachment'],
] as const) {
  test(`what is saved as ${JSON.stringify(name)} is sent as ${header}`, t => {
    t.is(attachment(name), header);
  });
}

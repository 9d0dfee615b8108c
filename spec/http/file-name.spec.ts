import test from 'ava';
import {safeFileName} from '../../src/http/file-name.ts';

test('an ordinary name stays as it is, in any script', t => {
  for (const name of [
    'photo.jpg',
    'naïve résumé (2).pdf',
    '写真.png',
    'no extension',
    'a.tar.gz',
    '👩‍👩‍👧.gif'.replaceAll('\u200d', ''),
  ]) {
    t.is(safeFileName(name), name.normalize('NFC'));
  }
  t.is(safeFileName('e\u0301'), 'é', 'composed, so that one name is one');
});

const made: Record<string, string> = {
  '../../etc/passwd': '_.._etc_passwd',
  '..': '',
  '.htaccess': 'htaccess',
  ' . .a. . ': 'a',
  'C:\\a.txt': 'C__a.txt',
  'a.txt:stream': 'a.txt_stream',
  'a\0.jpg': 'a_.jpg',
  'a\r\nb\x1b[31m': 'a__b_[31m',
  'a\u202egpj.exe': 'a_gpj.exe',
  '"<a>|*?"': '__a_____',
  con: '_con',
  'Aux.txt': '_Aux.txt',
  'com1 .txt': '_com1 .txt',
  'console.txt': 'console.txt',
  '-rf': '_-rf',
  '\ud800': '\ufffd',
};
for (const [name, safe] of Object.entries(made)) {
  test(`the name ${JSON.stringify(name)} is made ${JSON.stringify(safe)}`, t => t.is(safeFileName(name), safe));
}

test('a long name is cut to 255 bytes, between characters, and keeps its extension', t => {
  t.is(safeFileName(`${'a'.repeat(300)}.jpg`), `${'a'.repeat(251)}.jpg`);
  const cut = safeFileName(`${'é'.repeat(300)}.jpg`);
  t.is(Buffer.byteLength(cut), 254);
  t.true(cut.endsWith('é.jpg'));
  t.is(safeFileName('a'.repeat(300)).length, 255);
  t.is(safeFileName(`a${'. '.repeat(8_000)}`), 'a');
});

import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';

interface Embed {
  readonly embedded: readonly string[];
  readonly moduleOf: (file: string) => string;
}

test('what a database runs is letter for letter what its file says: each module is as it would be made now', async t => {
  const {embedded, moduleOf} = (await import(pathToFileURL(resolve('.ci/embed.js')).href)) as Embed;
  t.true(embedded.includes('src/store/postgres-functions.sql'));
  for (const file of embedded) {
    t.is(readFileSync(`${file}.ts`, 'utf8'), moduleOf(file), file);
    const {text} = (await import(pathToFileURL(resolve(`dist/${file}.js`)).href)) as {text: string};
    t.is(text, readFileSync(file, 'utf8'), file);
  }
});

import {mkdirSync, renameSync, rmSync, utimesSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {markOf, Watch} from '../../src/cli/watch.ts';
import {until} from '../until.ts';
import {project} from './project.ts';

/** A folder, and what a watch over it has told. */
function watching(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const folder = project(t, files, []);
  const told: string[] = [];
  const watch = new Watch(folder, paths => told.push(...paths));
  t.teardown(() => watch.close());
  const at = (name: string) => join(folder, name);
  const isTold = async (name: string) => {
    await until(() => told.includes(at(name)), name);
    told.length = 0;
  };
  return {watch, told, at, isTold};
}

test('it tells of a file that is written, replaced, taken away, or comes, and of no other', async t => {
  const {watch, told, at, isTold} = watching(t, {'a.ts': '1', 'b.ts': '1', 'other.ts': '1'});
  for (const name of ['a.ts', 'b.ts', 'missing.ts']) watch.add(at(name));
  writeFileSync(at('other.ts'), '2');
  writeFileSync(at('a.ts'), '22');
  await isTold('a.ts');
  writeFileSync(at('new'), '333');
  renameSync(at('new'), at('b.ts'));
  await isTold('b.ts');
  rmSync(at('a.ts'));
  await isTold('a.ts');
  writeFileSync(at('missing.ts'), '1');
  await isTold('missing.ts');
  t.deepEqual(told, []);
});

test('a file that has changed since it was read is told of, and one that is as it was is not', async t => {
  const {watch, told, at, isTold} = watching(t, {'a.ts': '1', 'b.ts': '1'});
  const mark = markOf(at('a.ts'));
  writeFileSync(at('a.ts'), '22');
  watch.add(at('b.ts'));
  watch.add(at('a.ts'), mark);
  await isTold('a.ts');
  t.deepEqual(told, []);
});

test('folders that go, come back, or are replaced by others are followed', async t => {
  const {watch, at, isTold} = watching(t, {'deep/down/a.ts': '1'});
  watch.add(at('deep/down/a.ts'));
  for (const text of ['2', '3']) {
    renameSync(at('deep'), at(`away${text}`));
    mkdirSync(at('deep'));
    mkdirSync(at('deep/down'));
    writeFileSync(at('deep/down/a.ts'), text);
    utimesSync(at('deep/down/a.ts'), Number(text), Number(text));
    await isTold('deep/down/a.ts');
  }
  t.pass();
});

test('it watches no folder for files that it is to keep no more', async t => {
  const {watch, at} = watching(t, {'one/a.ts': '1', 'two/b.ts': '1'});
  for (const name of ['one/a.ts', 'two/b.ts', 'none/c.ts']) watch.add(at(name));
  t.is(watch.size, 3, 'theirs, and the one above them');
  watch.keep(new Map([[at('two/b.ts'), markOf(at('two/b.ts'))]]));
  t.is(watch.size, 2);
  watch.close();
  t.is(watch.size, 0);
});

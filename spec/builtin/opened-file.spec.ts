import {readFileSync, realpathSync, renameSync, symlinkSync, truncateSync, unlinkSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {FileStream, isWithin, openFile, type OpenedFile} from '../../src/builtin/opened-file.ts';
import {put, temporaryFolder} from './temp-folder.ts';

async function opened(t: ExecutionContext, path: string): Promise<OpenedFile> {
  const file = await openFile(path);
  if (typeof file === 'string') throw new Error(file);
  t.teardown(() => file.close());
  return file;
}

/** As on a system that does not tell the names of descriptors. */
const untold = async () => undefined;

test('what is open is what is sent, whatever becomes of its name', async t => {
  const folder = temporaryFolder(t, {a: 'first'});
  const file = await opened(t, join(folder, 'a'));
  put(join(folder, 'b'), 'second');
  renameSync(join(folder, 'b'), join(folder, 'a'));
  t.is(Buffer.from(await file.bytes(0, 5)).toString(), 'first');
  t.is(readFileSync(join(folder, 'a'), 'utf8'), 'second');
});

test('the real name of a file has no link in it, whether the system tells it or it is looked up', async t => {
  const folder = realpathSync(temporaryFolder(t, {'real/a': 'a'}));
  symlinkSync('real', join(folder, 'link'));
  const file = await opened(t, join(folder, 'link/a'));
  t.is(await file.realName(), join(folder, 'real/a'));
  t.is(await file.realName(untold), join(folder, 'real/a'));
});

test('where it is looked up, a name that leads to another file by now is none', async t => {
  const folder = temporaryFolder(t, {a: 'a', b: 'b'});
  const file = await opened(t, join(folder, 'a'));
  renameSync(join(folder, 'b'), join(folder, 'a'));
  t.is(await file.realName(untold), undefined);
  unlinkSync(join(folder, 'a'));
  t.is(await file.realName(untold), undefined);
});

test('what is not there, is no file or folder, or can be no path is told apart', async t => {
  const folder = temporaryFolder(t, {a: 'a'});
  t.is(await openFile(join(folder, 'b')), 'nothing');
  t.is(await openFile('a\0b'), 'nothing');
  t.is(await openFile(join(folder, 'a/b')), 'refused');
  t.is(await openFile('/dev/null'), 'refused');
  t.true((await opened(t, folder)).stats.isDirectory());
});

test('a stream of a file has the bytes that it is asked for, and closes it with the last of them', async t => {
  const content = Buffer.from(Array.from({length: 600_000}, (_, i) => i % 251));
  const folder = temporaryFolder(t, {a: content});
  for (const [start, end] of [
    [0, content.length - 1],
    [1, 299_999],
    [0, -1],
  ] as const) {
    const file = await opened(t, join(folder, 'a'));
    const pieces: Uint8Array[] = [];
    for await (const piece of new FileStream(file, start, end)) pieces.push(piece);
    t.deepEqual(Buffer.concat(pieces), content.subarray(start, end + 1));
    await t.throwsAsync(file.bytes(0, 1), {message: /is closed already/});
  }
});

test('a stream whose reader goes closes the file, when what it reads has come', async t => {
  const folder = temporaryFolder(t, {a: Buffer.alloc(600_000)});
  const file = await opened(t, join(folder, 'a'));
  const stream = new FileStream(file, 0, 599_999);
  const reading = stream.next();
  await stream.return();
  t.is((await reading).value.length, 262_144);
  t.true((await stream.next()).done);
  await t.throwsAsync(file.bytes(0, 1), {message: /is closed already/});
});

test('a file that has become shorter fails, and is closed', async t => {
  const folder = temporaryFolder(t, {a: Buffer.alloc(600_000)});
  const file = await opened(t, join(folder, 'a'));
  truncateSync(join(folder, 'a'), 100);
  await t.throwsAsync(file.bytes(50, 100), {message: /a has become shorter while it was sent\.$/});
  const stream = new FileStream(file, 50, 599_999);
  t.is((await stream.next()).value.length, 50);
  await t.throwsAsync(stream.next(), {message: /has become shorter/});
  await t.throwsAsync(file.bytes(0, 1), {message: /is closed already/});
});

test('what lies in a folder begins with its name and a slash', t => {
  for (const name of ['/a', '/a/b', '/a/b/c']) t.true(isWithin('/a', name), name);
  for (const name of ['/ab', '/', '/b/a', '']) t.false(isWithin('/a', name), name);
  t.true(isWithin('/', '/a'));
});

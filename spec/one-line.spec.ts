import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {asOneLine} from '../src/one-line.ts';

const module = new URL('../src/one-line.js', import.meta.url).href;

/** What a program says that has two errors of one line. */
async function ended(program: string) {
  const start = `import {asOneLine} from '${module}'; const [one] = ['Take another.', 'x'].map(text => asOneLine(new Error(text)));`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', start + program]);
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return {stderr, code: code as number};
}

test('an error that says it all is one line where nobody catches it, and the process ends with code 1', async t => {
  const expected = {stderr: 'Take another.\n', code: 1};
  t.deepEqual(await ended('throw one;'), expected);
  t.deepEqual(await ended('setTimeout(() => { throw one; }); await new Promise(() => {});'), expected);
  t.deepEqual(await ended('void Promise.reject(one);'), expected);
});

test('it can be caught, and what else goes uncaught is told as ever', async t => {
  t.deepEqual(await ended('try { throw one; } catch {}'), {stderr: '', code: 0});
  const other = await ended("throw new Error('another');");
  t.regex(other.stderr, /Error: another\n +at /);
  t.is(other.code, 1);
});

test('a program that handles what is uncaught is left to do so', async t => {
  const handled = {stderr: 'mine\n', code: 0};
  t.deepEqual(await ended("process.on('uncaughtException', () => console.error('mine')); throw one;"), handled);
  t.deepEqual(
    await ended("process.setUncaughtExceptionCaptureCallback(() => console.error('mine')); throw one;"),
    handled,
  );
});

test('it is the same error, with its stack', t => {
  const error = new TypeError('x');
  t.is(asOneLine(error), error);
  t.regex(error.stack!, /one-line\.spec/);
});

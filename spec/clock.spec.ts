import {once} from 'node:events';
import {spawn} from 'node:child_process';
import test from 'ava';
import {systemClock} from 'espalier';

test('the system clock tells the milliseconds since the epoch', t => {
  const before = Date.now();
  const now = systemClock.now();
  t.true(before <= now && now <= Date.now());
});

test('after() calls once the delay has passed, and not when it was taken back', async t => {
  const called: string[] = [];
  const done = new Promise<void>(resolve => {
    systemClock.after(1, () => called.push('taken back'))();
    systemClock.after(2, () => called.push('due'));
    systemClock.after(2 ** 31, () => called.push('in a month'));
    setTimeout(resolve, 20);
  });
  await done;
  t.deepEqual(called, ['due']);
});

test('what is due some day does not keep the process alive', async t => {
  const program = `import {systemClock} from 'espalier'; systemClock.after(1e9, () => {})`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

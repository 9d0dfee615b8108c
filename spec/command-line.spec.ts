import test from 'ava';
import {commandLine, goNoFurther, setCommandLine} from '../src/command-line.ts';

test('a program that runs by itself is asked for nothing', t => {
  t.deepEqual(commandLine(), {});
});

test.serial('what the command line wants is found by each copy of the package, and wants add up', t => {
  const key = Symbol.for('espalier.command-line');
  t.teardown(() => Reflect.deleteProperty(globalThis, key));
  const look = () => undefined;
  setCommandLine({look});
  setCommandLine({onListen: look});
  t.deepEqual(commandLine(), {look, onListen: look});
  t.deepEqual((globalThis as {[key]?: unknown})[key], commandLine());
});

test('what goes no further is done once, and never ends', async t => {
  let times = 0;
  const ended = goNoFurther(() => (times += 1)).then(() => 'ended');
  t.is(await Promise.race([ended, new Promise(go => setImmediate(go, 'goes on'))]), 'goes on');
  t.is(times, 1);
});

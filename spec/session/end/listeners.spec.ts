import test from 'ava';
import type {EndReason} from 'espalier';
import {EndListeners} from '../../../src/session/end/listeners.ts';

function listeners() {
  const failures: unknown[] = [];
  const told: string[] = [];
  const all = new EndListeners({error: (_message, error) => failures.push(error), warn: t => t});
  const hear = (name: string) => (reason: EndReason) => told.push(`${name} ${reason}`);
  return {all, failures, told, hear};
}

test('all who wait for a session are told once, in the order they came', t => {
  const {all, told, hear} = listeners();
  for (const name of ['first', 'second', 'third']) all.add('uid', hear(name));
  all.tell('uid', 'idle');
  all.tell('uid', 'logout');
  t.deepEqual(told, ['first idle', 'second idle', 'third idle']);
});

test('nobody is told of another session', t => {
  const {all, told, hear} = listeners();
  all.add('uid', hear('first'));
  all.tell('another', 'idle');
  t.deepEqual(told, []);
});

test('one that throws, or rejects, is logged and stops no other', async t => {
  const {all, failures, told, hear} = listeners();
  all.add('uid', () => {
    throw new Error('thrown');
  });
  all.add('uid', () => Promise.reject(new Error('rejected')));
  all.add('uid', hear('last'));
  all.tell('uid', 'idle');
  await Promise.resolve();
  t.deepEqual(told, ['last idle']);
  t.deepEqual(failures.map(String), ['Error: thrown', 'Error: rejected']);
});

test('one that was taken back is not told, and the same function given twice counts twice', t => {
  const {all, told, hear} = listeners();
  const same = hear('same');
  const takeBack = all.add('uid', same);
  all.add('uid', same);
  takeBack();
  takeBack();
  all.tell('uid', 'logout');
  t.deepEqual(told, ['same logout']);
});

test('one that is taken back by another while they are told is not told any more', t => {
  const {all, told, hear} = listeners();
  const takeBack: (() => void)[] = [];
  all.add('uid', () => takeBack[0]!());
  takeBack.push(all.add('uid', hear('late')));
  all.add('uid', hear('last'));
  all.tell('uid', 'idle');
  t.deepEqual(told, ['last idle']);
});

test('one that comes while others are told is not told of that end', t => {
  const {all, told, hear} = listeners();
  const late = hear('late');
  all.add('uid', () => all.add('uid', late));
  all.tell('uid', 'idle');
  t.deepEqual(told, []);
});

test('taking back one that was told takes nothing from who came later', t => {
  const {all, told, hear} = listeners();
  const takeBack = all.add('uid', hear('first'));
  all.tell('uid', 'idle');
  all.add('uid', hear('second'));
  takeBack();
  all.tell('uid', 'logout');
  t.deepEqual(told, ['first idle', 'second logout']);
});

test('one that rejects with nothing is logged as well', async t => {
  const {all, failures, told, hear} = listeners();
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors
  all.add('uid', () => Promise.reject(undefined));
  all.add('uid', hear('last'));
  all.tell('uid', 'idle');
  await Promise.resolve();
  t.deepEqual(told, ['last idle']);
  t.deepEqual(failures, [undefined]);
});

test('a logger that throws harms nobody', async t => {
  const all = new EndListeners({
    error() {
      throw new Error('full');
    },
    warn: t.fail,
  });
  all.add('uid', () => Promise.reject(new Error('no')));
  all.tell('uid', 'idle');
  await t.notThrowsAsync(Promise.resolve());
});

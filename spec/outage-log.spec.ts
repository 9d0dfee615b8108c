import test from 'ava';
import {isOutageTold, OutageLog} from '../src/outage-log.ts';

const minute = 60_000;

function world() {
  let now = 0;
  const lines: string[] = [];
  const log = new OutageLog({error: () => {}, warn: line => lines.push(line)}, () => now);
  return {log, lines, pass: (milliseconds: number) => (now += milliseconds)};
}

test('an outage is told of once, and so is its end, however long it lasts', t => {
  const {log, lines, pass} = world();
  log.recover('back');
  for (let i = 0; i < 10; i += 1) {
    log.fail('down', undefined);
    pass(minute);
  }
  log.recover('back');
  log.recover('back');
  t.deepEqual(lines, ['down', 'back']);
});

test('a server that comes and goes is told of once a minute', t => {
  const {log, lines, pass} = world();
  for (let i = 0; i < 12; i += 1) {
    log.fail('down', undefined);
    pass(5000);
    log.recover('back');
    pass(5000);
  }
  t.deepEqual(lines, ['down', 'back', 'down', 'back']);
});

test('an outage that begins within a minute of the one before is told of when it has not ended by then', t => {
  const {log, lines, pass} = world();
  log.fail('down', undefined);
  log.recover('back');
  pass(minute / 2);
  log.fail('down', undefined);
  t.deepEqual(lines, ['down', 'back']);
  pass(minute / 2);
  log.fail('down', undefined);
  t.deepEqual(lines, ['down', 'back', 'down']);
  log.recover('back');
  t.deepEqual(lines, ['down', 'back', 'down', 'back']);
});

test('an error of an outage is known to have been told of, and so is what it caused', t => {
  const {log, lines} = world();
  const [first, second, other] = [new Error('1'), new Error('2'), new Error('3')];
  log.fail('down', first);
  log.fail('down', second);
  t.deepEqual(lines, ['down']);
  for (const error of [first, second, new Error('4', {cause: first})]) t.true(isOutageTold(error));
  for (const error of [other, new Error('5', {cause: other}), new Error('6'), undefined, 'down'])
    t.false(isOutageTold(error));
});

test('an outage is told of although the clock was put back by an hour since the one before', t => {
  const {log, lines, pass} = world();
  log.fail('down', undefined);
  log.recover('back');
  pass(-60 * minute);
  log.fail('down', undefined);
  t.deepEqual(lines, ['down', 'back', 'down']);
});

import test from 'ava';
import {OutageLog} from '../../src/store/outage-log.ts';

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
    log.fail('down');
    pass(minute);
  }
  log.recover('back');
  log.recover('back');
  t.deepEqual(lines, ['down', 'back']);
});

test('a server that comes and goes is told of once a minute', t => {
  const {log, lines, pass} = world();
  for (let i = 0; i < 12; i += 1) {
    log.fail('down');
    pass(5000);
    log.recover('back');
    pass(5000);
  }
  t.deepEqual(lines, ['down', 'back', 'down', 'back']);
});

test('an outage that begins within a minute of the one before is told of when it has not ended by then', t => {
  const {log, lines, pass} = world();
  log.fail('down');
  log.recover('back');
  pass(minute / 2);
  log.fail('down');
  t.deepEqual(lines, ['down', 'back']);
  pass(minute / 2);
  log.fail('down');
  t.deepEqual(lines, ['down', 'back', 'down']);
  log.recover('back');
  t.deepEqual(lines, ['down', 'back', 'down', 'back']);
});

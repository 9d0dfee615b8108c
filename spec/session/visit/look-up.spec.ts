import test from 'ava';
import {EspalierError} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {isLive} from '../../../src/session/store/contract.ts';
import {LookUp} from '../../../src/session/visit/look-up.ts';

const uid = 'a uid';

/** A store with a session of one component, and the lines of the log. */
function world(text: string) {
  const store = new MemoryStore({clock: new TestClock()});
  const {key} = store.create({uid, isSecure: false, device: undefined, idleTimeout: 1000, absoluteTimeout: 1000});
  store.write(key, 'notes', 0, text);
  const log: string[] = [];
  const logger = {error: (message: string) => log.push(message), warn: () => undefined};
  return {store, log, logger, lookUp: new LookUp(store, logger)};
}

test('it gives the session, with what it holds', async t => {
  const {log, lookUp} = world('[[1,2],0,{}]');
  const found = await lookUp.find(uid, true);
  t.is(isLive(found) ? found.components.get('notes')?.text : undefined, '[[1,2],0,{}]');
  t.is(await lookUp.find('another', true), undefined);
  t.deepEqual(log, []);
});

test('a session with a component that can’t be read is as good as none, and the operator is told, once, but not its text', async t => {
  const {log, lookUp} = world('"secret');
  for (let looks = 0; looks < 3; looks += 1) t.is(await lookUp.find(uid, true), undefined);
  t.deepEqual(log, ["The record of the session a uid can't be read; its visitor gets a new one."]);
});

for (const way of ['at once', 'later']) {
  test(`so is a record that can’t be read; any other failure of the store stays one: those that come ${way}`, async t => {
    const {store, log, logger} = world('[[1,2],0,{}]');
    const failing = (error: Error) => {
      const find = (): never => {
        throw error;
      };
      return Object.assign(store, {find: way === 'later' ? async () => find() : find});
    };
    const corrupt = new EspalierError('SESSION_CORRUPT', 'Broken.');
    t.is(await new LookUp(failing(corrupt), logger).find(uid, true), undefined);
    t.is(log.length, 1);
    await t.throwsAsync(async () => new LookUp(failing(new Error('down')), logger).find(uid, true), {
      message: 'down',
    });
    t.is(log.length, 1);
  });
}

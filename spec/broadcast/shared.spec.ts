import test from 'ava';
import {SharedBroadcast} from '../../src/broadcast/shared.ts';
import {quiet, take} from './world.ts';

/** A way between processes, in this one. */
function way() {
  const ears: ((text: string) => void)[] = [];
  const state = {isDown: false, closed: 0};
  const join = (lines: string[] = []) =>
    new SharedBroadcast(
      hear => {
        ears.push(hear);
        return {
          name: 'The way',
          async send(text) {
            if (state.isDown) throw new Error('It is down.');
            for (const each of ears) each(text);
          },
          async close() {
            state.closed += 1;
          },
        };
      },
      {...quiet, warn: line => void lines.push(line)},
    );
  return {join, state};
}

test('each process is told once, the one that publishes too, and at once', async t => {
  const {join} = way();
  const [here, there] = [join(), join()];
  const [near, far] = [here.subscribe('a'), there.subscribe('a')];
  t.true(await here.publish('a', {text: 'é"\u2028'}));
  await here.publish('a', 2);
  t.deepEqual(await take(near, 2), [{text: 'é"\u2028'}, 2]);
  t.deepEqual(await take(far, 2), [{text: 'é"\u2028'}, 2]);
});

test('while the server is away this process is told, publish() gives false, and one line says so and one that it is back', async t => {
  const {join, state} = way();
  const lines: string[] = [];
  const here = join(lines);
  const near = here.subscribe('a');
  state.isDown = true;
  t.false(await here.publish('a', 1));
  t.false(await here.publish('a', 2));
  state.isDown = false;
  t.true(await here.publish('a', 3));
  t.deepEqual(await take(near, 3), [1, 2, 3]);
  t.deepEqual(lines, [
    'The way does not work: what is published stays in its process. It is down.',
    'The way works again: what is published reaches all processes.',
  ]);
});

test('close() ends the subscriptions and the way', async t => {
  const {join, state} = way();
  const here = join();
  const near = here.subscribe('a');
  await here.close();
  t.true((await near.next()).done);
  t.is(state.closed, 1);
});

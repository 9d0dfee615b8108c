import {once} from 'node:events';
import {connect, createServer, type AddressInfo, type Socket} from 'node:net';
import test from 'ava';
import {Kept} from '../../src/cli/kept.ts';
import type {Answer, Run} from '../../src/cli/run.ts';
import {until} from '../until.ts';

/** A run that notes what it is told, here and not in a process of its own. */
function run() {
  const told: Answer[] = [];
  const sockets: Socket[] = [];
  const tell = (answer: Answer, socket?: Socket) => {
    told.push(answer);
    if (socket) sockets.push(socket.resume());
  };
  return {isThere: true, told, sockets, tell} as unknown as Run & {told: Answer[]; sockets: Socket[]};
}

const session = {uid: 'a', isSecure: false, device: undefined, idleTimeout: 1000, absoluteTimeout: 5000};
const call = (id: number, method: string, ...args: unknown[]) =>
  ({espalier: 'call', id, store: 1, method, args}) as const;

test('the next run has the port and the sessions of the one before', async t => {
  const kept = new Kept();
  t.teardown(() => kept.gate.closeAll());
  const [first, second] = [run(), run()];
  t.true(kept.answer(first, {espalier: 'open', id: 1, address: '127.0.0.1', port: 0}));
  await until(() => first.told.length === 1);
  const {value: port} = first.told[0] as {value: number};
  t.true(kept.answer(first, {espalier: 'make', store: 1, limit: 10, bytes: 2 ** 20}));
  t.true(kept.answer(first, call(2, 'create', session)));
  await until(() => first.told.length === 2);
  kept.forget(first);
  kept.answer(second, {espalier: 'make', store: 1, limit: 10, bytes: 2 ** 20});
  kept.answer(second, {espalier: 'open', id: 1, address: '127.0.0.1', port: 0});
  kept.answer(second, call(3, 'find', 'a', 'peek'));
  await until(() => second.told.length === 2);
  t.like(
    second.told.find(answer => answer.espalier === 'done' && answer.id === 1),
    {value: port},
  );
  t.like(
    second.told.find(answer => answer.espalier === 'done' && answer.id === 3),
    {value: {key: 'a'}},
  );
  const client = connect(port, '127.0.0.1');
  client.write('GET');
  t.teardown(() => client.destroy());
  await until(() => second.sockets.length === 1);
  t.deepEqual(first.sockets, []);
});

test('a port that can not be had is told to the run, and what is about something else is left to others', async t => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const kept = new Kept();
  const one = run();
  const {port} = taken.address() as AddressInfo;
  kept.answer(one, {espalier: 'open', id: 4, address: '127.0.0.1', port});
  await until(() => one.told.length === 1);
  t.like(one.told[0], {espalier: 'done', id: 4, fault: {code: 'EADDRINUSE'}});
  t.false(kept.answer(one, {espalier: 'loaded', files: []}));
});

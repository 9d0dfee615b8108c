import {once} from 'node:events';
import {connect, createServer, type AddressInfo, type Socket} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {Gate} from '../../src/cli/gate.ts';
import type {Run} from '../../src/cli/run.ts';
import {until} from '../until.ts';

/** A run that answers each connection by its name, here and not in a process of its own. */
function run(name: string) {
  const told: object[] = [];
  const one = {
    isThere: true,
    told,
    tell(answer: {espalier: string}, socket?: Socket) {
      if (socket) socket.end(name);
      else told.push(answer);
    },
  };
  return one as unknown as Run & typeof one;
}

function gateOf(t: ExecutionContext): Gate {
  const gate = new Gate();
  t.teardown(() => gate.closeAll());
  return gate;
}

const portOf = ({told}: {told: object[]}) => (told.at(-1) as {value: number}).value;

/** What comes from a port, when it comes. */
async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write('?');
  let text = '';
  socket.on('data', data => (text += data.toString()));
  await once(socket, 'end');
  return text;
}

test('a port stays open from one run to the next, and what comes between them waits', async t => {
  const gate = gateOf(t);
  const [first, second] = [run('first'), run('second')];
  await gate.open(first, 1, '127.0.0.1', 0);
  const port = portOf(first);
  t.is(await ask(port), 'first');
  gate.leave(first);
  const waiting = [ask(port), ask(port)];
  await gate.open(second, 1, '127.0.0.1', 0);
  t.is(portOf(second), port, 'any port is the same again');
  t.deepEqual(await Promise.all(waiting), ['second', 'second']);
});

test('several runs are served in turn, and one that has gone is passed over', async t => {
  const gate = gateOf(t);
  const runs = ['a', 'b', 'c'].map(run);
  for (const one of runs) await gate.open(one, 1, '127.0.0.1', 0);
  const port = portOf(runs[0]!);
  const got = [];
  for (let i = 0; i < 6; i += 1) got.push(await ask(port));
  t.deepEqual(got.toSorted().join(''), 'aabbcc');
  Object.assign(runs[0]!, {isThere: false});
  gate.close(runs[1]!, 1);
  t.deepEqual([await ask(port), await ask(port)], ['c', 'c']);
});

test('two servers of one run have a port each, and a port that is taken is refused as the system does', async t => {
  const gate = gateOf(t);
  const one = run('one');
  await gate.open(one, 1, '127.0.0.1', 0);
  const first = portOf(one);
  await gate.open(one, 2, '127.0.0.1', 0);
  t.not(portOf(one), first);
  await t.throwsAsync(gate.open(one, 3, '127.0.0.1', first), {code: 'EADDRINUSE'});
  const server = createServer().listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  await t.throwsAsync(gate.open(one, 4, '127.0.0.1', port), {code: 'EADDRINUSE'});
});

test('somebody else gets what no run takes, and ports that nobody takes anything from are closed', async t => {
  const gate = gateOf(t);
  const port = await gate.openFor('127.0.0.1', 0);
  t.true(gate.isOpen);
  const waiting = ask(port);
  gate.divert(socket => void socket.end('page'));
  t.is(await waiting, 'page');
  t.is(await ask(port), 'page');
  const one = run('one');
  await gate.open(one, 1, '127.0.0.1', port);
  t.is(await ask(port), 'one');
  gate.leave(one);
  gate.tidy();
  t.false(gate.isOpen);
  await until(() =>
    ask(port).then(
      () => false,
      () => true,
    ),
  );
});

import {once} from 'node:events';
import {connect, createServer, type AddressInfo} from 'node:net';
import type {ExecutionContext} from 'ava';

/** A way to a server on loopback that may lead to another one later, for who comes then: those who have come stay where they are. */
export async function detour(
  t: ExecutionContext,
  target: number,
): Promise<{port: number; leadTo: (port: number) => void}> {
  let port = target;
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1');
    const end = () => [near, far].forEach(socket => socket.destroy());
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    near.pipe(far).pipe(near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    leadTo: to => {
      port = to;
    },
  };
}

import {once} from 'node:events';
import {connect, createServer, type ClientHttp2Session} from 'node:http2';
import {connect as connectTcp, type AddressInfo, type Socket} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {Http2Connections, type Http2Timeouts} from '../../src/http/http2-connections.ts';
import {until} from '../until.ts';

/** An HTTP/2 server whose connections are kept so; it answers when the whole request has come, but `/slow` never. */
async function serving(t: ExecutionContext, timeouts: Partial<Http2Timeouts>) {
  const connections = new Http2Connections({
    keepAliveTimeout: 0,
    requestTimeout: 0,
    connectionsCheckingInterval: 5,
    ...timeouts,
  });
  const slow: unknown[] = [];
  const server = createServer((message, out) => {
    if (message.url === '/slow') slow.push(message);
    else message.resume().on('end', () => out.end('Hello'));
  }).on('session', session => connections.add(session));
  server.on('sessionError', () => undefined).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    connections.close();
    server.close();
  });
  const {port} = server.address() as AddressInfo;
  const client = (): ClientHttp2Session => {
    const session = connect(`http://127.0.0.1:${port}`).on('error', () => undefined);
    t.teardown(() => session.destroy());
    return session;
  };
  const socket = async (bytes: Buffer): Promise<Socket> => {
    const opened = connectTcp(port, '127.0.0.1').on('error', () => undefined);
    t.teardown(() => opened.destroy());
    await once(opened, 'connect');
    opened.resume().write(bytes);
    return opened;
  };
  return {client, socket, connections, slow};
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
/** HEADERS of stream 1, without END_HEADERS: more is to come. */
const halfHead = Buffer.from([0, 0, 1, 1, 1, 0, 0, 0, 1, 0x82]);

test('a connection without a request is ended after the keep-alive timeout: at once, and after an answer', async t => {
  const {client} = await serving(t, {keepAliveTimeout: 30});
  const silent = client();
  const answered = client();
  // On a busy machine it may be let go before it asks.
  answered
    .request({':path': '/'})
    .on('error', () => undefined)
    .resume();
  await Promise.all([once(silent, 'close'), once(answered, 'close')]);
  t.pass();
});

test('a connection that says nothing, or half a head, is ended, whether its client says goodbye or not', async t => {
  const {socket} = await serving(t, {keepAliveTimeout: 30});
  for (const bytes of [Buffer.alloc(0), preface, Buffer.concat([preface, emptySettings, halfHead])]) {
    const opened = await socket(bytes);
    await once(opened, 'close');
  }
  t.pass();
});

test('a request whose body does not come is ended after the request timeout, and its connection goes on', async t => {
  const {client} = await serving(t, {requestTimeout: 30});
  const session = client();
  const upload = session.request({':path': '/', ':method': 'POST'});
  upload.on('error', () => undefined).write('x');
  await once(upload, 'close');
  t.is(upload.rstCode, 8);
  const [headers] = await once(session.request({':path': '/'}).resume(), 'response');
  t.is(headers[':status'], 200);
});

test('an answer that takes its time keeps its connection, however short the timeouts', async t => {
  const {client, slow: asked} = await serving(t, {keepAliveTimeout: 200, requestTimeout: 200});
  let busy = client();
  let slow = busy.request({':path': '/slow'}).on('error', () => undefined);
  // On a busy machine it may be idle for too long before it asks.
  await until(() => {
    if (busy.closed) slow = (busy = client()).request({':path': '/slow'}).on('error', () => undefined);
    return asked.length > 0;
  });
  // Those who came later have been let go.
  for (let i = 0; i < 3; i += 1) await once(client(), 'close');
  t.false(slow.closed || busy.closed);
});

test('without timeouts nothing is ended', async t => {
  const {client, connections} = await serving(t, {});
  const idle = client();
  await once(idle, 'remoteSettings');
  const {client: other} = await serving(t, {keepAliveTimeout: 30});
  await once(other(), 'close');
  t.false(idle.closed);
  connections.close();
  await until(() => idle.closed);
});

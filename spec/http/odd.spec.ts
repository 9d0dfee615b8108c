import {fork} from 'node:child_process';
import {once} from 'node:events';
import {request as httpRequest, type RequestOptions} from 'node:http';
import {connect as connectHttp2, constants, type ClientHttp2Session} from 'node:http2';
import {fileURLToPath} from 'node:url';
import test, {type ExecutionContext} from 'ava';
import {until} from '../until.ts';
import {chance, type Chance} from './chance.ts';

/** A site in a process of its own, which answers `/odd/1`, `/odd/2`, … in odd ways, and `/right` with `right`. */
async function oddSite(t: ExecutionContext) {
  const child = fork(fileURLToPath(import.meta.resolve('./odd-site.js')), {
    execArgv: [],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', chunk => (said += String(chunk)));
  t.teardown(() => child.kill('SIGKILL'));
  const [urls] = (await Promise.race([once(child, 'message'), once(child, 'exit').then(() => t.fail(said))])) as [Urls];
  return {...urls, ended: () => child.exitCode !== null && said};
}

interface Urls {
  readonly plain: string;
  readonly secure: string;
}

/** What a client does: how it asks, and when it goes, if it does not wait for the end. */
function behaviour({one}: Chance) {
  const accept = one(['*/*', 'text/html', '', ',;,', 'a/b;q=x', 'x'.repeat(5000)]);
  const method = one(['GET', 'GET', 'HEAD', 'POST', 'POST']);
  return {
    method,
    headers: {accept, cookie: one(['a=1', ';', '=', 'sid=x; sid=y', '%'])},
    body: method === 'POST' ? one(['', 'x', 'x'.repeat(1000), 'x'.repeat(100_000), 'x'.repeat(1_100_000)]) : '',
    goes: one(['never', 'never', 'never', 'at once', 'half-way', 'at the head', 'at the first chunk']),
  };
}

type Behaviour = ReturnType<typeof behaviour>;

/** The status of the answer, or nothing for who went before. */
function askHttp1(url: string, path: string, {method, headers, body, goes}: Behaviour): Promise<number | undefined> {
  const {promise, resolve} = Promise.withResolvers<number | undefined>();
  const options: RequestOptions = {method, headers, agent: false, maxHeaderSize: 1_000_000};
  let status: number | undefined;
  const asked = httpRequest(url + path, options, answer => {
    status = answer.statusCode;
    if (goes === 'at the head') asked.destroy();
    if (goes === 'at the first chunk') answer.once('data', () => asked.destroy());
    answer.on('error', () => undefined).resume();
  });
  asked.on('error', () => undefined).on('close', () => resolve(status));
  if (goes === 'half-way') asked.write(body.slice(0, body.length / 2), () => asked.destroy());
  else asked.end(body);
  if (goes === 'at once') setImmediate(() => asked.destroy());
  return promise;
}

function askHttp2(
  client: ClientHttp2Session,
  path: string,
  {method, headers, body, goes}: Behaviour,
): Promise<number | undefined> {
  const {promise, resolve} = Promise.withResolvers<number | undefined>();
  const asked = client.request({':method': method, ':path': path, ...headers}, {endStream: false});
  const go = () => asked.close(constants.NGHTTP2_CANCEL);
  let status: number | undefined;
  asked.on('response', answer => {
    status = answer[':status'];
    if (goes === 'at the head') go();
    if (goes === 'at the first chunk') asked.once('data', go);
    asked.resume();
  });
  asked.on('error', () => undefined).on('close', () => resolve(status));
  if (goes === 'half-way') asked.write(body.slice(0, body.length / 2), go);
  else asked.end(body);
  if (goes === 'at once') setImmediate(go);
  return promise;
}

const together = 25;

for (const version of ['HTTP/1.1', 'HTTP/2']) {
  test(`a thousand odd results, bodies, headers and clients that go: the process lives, and each who waits is answered, over ${version}`, async t => {
    t.timeout(300_000);
    const {plain, secure, ended} = await oddSite(t);
    let client: ClientHttp2Session | undefined;
    t.teardown(() => client?.destroy());
    const ask = (path: string, how: Behaviour) => (client ? askHttp2(client, path, how) : askHttp1(plain, path, how));
    const open = new Map<number, Behaviour>();
    const settle = async (number: number, how: Behaviour) => {
      const status = await ask(`/odd/${number}`, how);
      if (status !== undefined || how.goes === 'at once' || how.goes === 'half-way') open.delete(number);
    };
    for (let first = 0; first < 1000; first += together) {
      client?.destroy();
      // Node gives one connection no more than 10 MB.
      if (version === 'HTTP/2') client = connectHttp2(secure, {rejectUnauthorized: false});
      for (let number = first; number < first + together; number += 1) {
        const how = behaviour(chance(number));
        open.set(number, how);
        void settle(number, how);
      }
      try {
        await until(() => open.size === 0 || ended() !== false, `answers to ${first} and those that follow`);
      } catch {
        // Told below, by number.
      }
      t.is(ended(), false);
      t.deepEqual([...open], [], 'those without an answer');
      t.is(await ask('/right', {method: 'GET', headers: {accept: '', cookie: ''}, body: '', goes: 'never'}), 200);
    }
  });
}

// Sessions in Redis by hand on node:http, each an entry of JSON: read and kept alive by one GETEX, written by one SET.
import {hash, randomBytes} from 'node:crypto';
import {createServer} from 'node:http';
import {createClient} from 'redis';

const client = await createClient({url: process.env.STORE_AT}).connect();
const expiration = {type: 'EX', value: 15 * 60};

const keyOf = uid => `session:${uid}`;
const write = session => client.set(keyOf(session.uid), JSON.stringify(session), {expiration});

async function sessionOf(request, headers) {
  const token = /(?:^|; )sid=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
  const text = token && (await client.getEx(keyOf(hash('sha256', token, 'base64url')), expiration));
  if (text) return JSON.parse(text);
  const fresh = randomBytes(32).toString('base64url');
  const session = {uid: hash('sha256', fresh, 'base64url'), count: 0};
  await write(session);
  headers.push('Set-Cookie', `sid=${fresh}; Path=/; HttpOnly; SameSite=Lax`);
  return session;
}

async function show(session) {
  return `Your session id is: ${session.uid}`;
}

async function count(session) {
  session.count += 1;
  await write(session);
  return String(session.count);
}

function respond(response, body, headers = []) {
  headers.push('Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(200, headers).end(body);
}

const routes = {'GET /': show, 'POST /count': count};

async function handle(request, response) {
  if (request.url === '/ping') return respond(response, 'pong');
  const headers = ['Vary', 'Cookie', 'Cache-Control', 'no-store'];
  const act = routes[`${request.method} ${request.url}`];
  if (!act) return response.writeHead(404).end();
  return respond(response, await act(await sessionOf(request, headers)), headers);
}

createServer((request, response) => void handle(request, response)).listen(
  Number(process.env.PORT),
  process.env.HOST,
  function () {
    console.log(`Listening on http://127.0.0.1:${this.address().port}`);
  },
);

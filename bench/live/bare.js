// Sessions by hand on node:http: a Map of them, each with the moment it was last seen, and a sweep once a minute.
import {hash, randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {createServer} from 'node:http';

const idleTimeout = 15 * 60 * 1000;
const sessions = new Map();

function begin() {
  const token = randomBytes(32).toString('base64url');
  const session = {uid: hash('sha256', token, 'base64url'), lastSeenAt: Date.now()};
  sessions.set(session.uid, session);
  return {session, cookie: `sid=${token}`};
}

function sessionOf(request, headers) {
  const token = /(?:^|; )sid=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
  const known = token && sessions.get(hash('sha256', token, 'base64url'));
  const now = Date.now();
  if (known && now - known.lastSeenAt < idleTimeout) {
    known.lastSeenAt = now;
    return known;
  }
  const {session, cookie} = begin();
  headers.push('Set-Cookie', `${cookie}; Path=/; HttpOnly; SameSite=Lax`);
  return session;
}

function sweep() {
  const oldest = Date.now() - idleTimeout;
  for (const [uid, {lastSeenAt}] of sessions) if (lastSeenAt <= oldest) sessions.delete(uid);
}

function respond(response, body, headers = []) {
  headers.push('Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(200, headers).end(body);
}

function handle(request, response) {
  if (request.url === '/ping') return respond(response, 'pong');
  const headers = ['Vary', 'Cookie', 'Cache-Control', 'no-store'];
  return respond(response, `Your session id is: ${sessionOf(request, headers).uid}`, headers);
}

export async function listen() {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  setInterval(sweep, 60_000);
  return {url: `http://127.0.0.1:${server.address().port}`, begin: () => begin().cookie, size: () => sessions.size};
}

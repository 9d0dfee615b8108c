// The seed example by hand on node:http: what Espalier is measured against. It does the same and keeps the same promises
// about the cookie, the store's keys and the headers, with nothing in between.
import {hash, randomBytes} from 'node:crypto';
import {createServer} from 'node:http';

const idleTimeout = 15 * 60 * 1000;
const sessions = new Map();

function sessionOf(request, headers) {
  const token = /(?:^|; )sid=([\w-]{43})(?:;|$)/.exec(request.headers.cookie ?? '')?.[1];
  const uid = token && hash('sha256', token, 'base64url');
  const known = uid && sessions.get(uid);
  const now = Date.now();
  if (known && now - known.lastSeenAt < idleTimeout) {
    known.lastSeenAt = now;
    return known;
  }
  const fresh = randomBytes(32).toString('base64url');
  const session = {uid: hash('sha256', fresh, 'base64url'), lastSeenAt: now};
  sessions.set(session.uid, session);
  headers.push('Set-Cookie', `sid=${fresh}; Path=/; HttpOnly; SameSite=Lax`);
  return session;
}

createServer((request, response) => {
  if (request.method !== 'GET' || request.url !== '/') return response.writeHead(404).end();
  const headers = ['Content-Type', 'text/plain; charset=utf-8'];
  const body = `Your session id is: ${sessionOf(request, headers).uid}`;
  headers.push('Vary', 'Cookie', 'Cache-Control', 'no-store', 'Content-Length', String(Buffer.byteLength(body)));
  return response.writeHead(200, headers).end(body);
}).listen(Number(process.env.PORT), '127.0.0.1', function () {
  console.log(`Listening on http://127.0.0.1:${this.address().port}`);
});

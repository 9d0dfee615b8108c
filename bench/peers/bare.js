// What Espalier is measured against: each workload by hand on node:http, with nothing in between. It keeps the same promises
// about the cookie, the store's keys and the headers, as carefully as we know how to.
import {hash, randomFillSync} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {open} from 'node:fs/promises';
import {createServer} from 'node:http';
import {pipeline} from 'node:stream/promises';

const idleTimeout = 15 * 60;
const sessions = new Map();
// In seconds since the start: a small integer costs no heap number.
const started = Date.now();
const secondsNow = () => Math.floor((Date.now() - started) / 1000);

setInterval(() => {
  const now = secondsNow();
  for (const [uid, {lastSeenAt}] of sessions) if (now - lastSeenAt >= idleTimeout) sessions.delete(uid);
}, 60_000).unref();

const pool = Buffer.alloc(32 * 256);
let used = pool.length;

function newToken() {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool.subarray(used, (used += 32)).toString('base64url');
}

function tokenIn(header) {
  if (header === undefined) return undefined;
  let at = header.indexOf('sid=');
  while (at > 0 && header[at - 1] !== ' ' && header[at - 1] !== ';') at = header.indexOf('sid=', at + 4);
  if (at < 0) return undefined;
  const end = header.indexOf(';', at);
  return end < 0 ? header.slice(at + 4) : header.slice(at + 4, end);
}

function sessionOf(request, headers) {
  const token = tokenIn(request.headers.cookie);
  const known = token && sessions.get(hash('sha256', token, 'base64url'));
  const now = secondsNow();
  if (known && now - known.lastSeenAt < idleTimeout) {
    known.lastSeenAt = now;
    return known;
  }
  const fresh = newToken();
  const session = {uid: hash('sha256', fresh, 'base64url'), lastSeenAt: now, count: 0};
  sessions.set(session.uid, session);
  headers.push('Set-Cookie', `sid=${fresh}; Path=/; HttpOnly; SameSite=Lax`);
  return session;
}

const text = 'text/plain; charset=utf-8';

function answer(response, type, body) {
  response.writeHead(200, ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))]).end(body);
}

function answerWithSession(request, response, bodyOf) {
  const headers = ['Content-Type', text];
  const body = bodyOf(sessionOf(request, headers));
  headers.push('Vary', 'Cookie', 'Cache-Control', 'no-store', 'Content-Length', String(Buffer.byteLength(body)));
  response.writeHead(200, headers).end(body);
}

function answerJson(request, response) {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    const order = JSON.parse(chunks.length === 1 ? chunks[0].toString() : Buffer.concat(chunks).toString());
    answer(response, 'application/json', JSON.stringify({...order, state: 'taken'}));
  });
}

async function answerFile(response) {
  const file = await open(process.env.FILE);
  const {size} = await file.stat();
  response.writeHead(200, ['Content-Type', 'application/octet-stream', 'Content-Length', String(size)]);
  const content = createReadStream('', {fd: file});
  // The client may go before it has it all.
  await pipeline(content, response).catch(() => content.destroy());
}

const pages = new Set(Array.from({length: 10_000}, (_, page) => `page-${page}`));

function answerElsewhere(request, response) {
  const segments = request.url.split('/');
  const [, first, second, third, , , sixth] = segments;
  if (first === 'shops') return answer(response, text, `${decodeURIComponent(third)} ${decodeURIComponent(sixth)}`);
  if (first === 'pages' && pages.has(second)) return answer(response, text, second);
  return response.writeHead(404).end();
}

createServer((request, response) => {
  switch (request.url) {
    case '/ping':
      return answer(response, text, 'pong');
    case '/':
      return answerWithSession(request, response, ({uid}) => `Your session id is: ${uid}`);
    case '/count':
      return answerWithSession(request, response, session => String((session.count += 1)));
    case '/order':
      return answerJson(request, response);
    case '/file':
      return answerFile(response);
    default:
      return answerElsewhere(request, response);
  }
}).listen(Number(process.env.PORT), '127.0.0.1', function () {
  console.log(`Listening on http://127.0.0.1:${this.address().port}`);
});

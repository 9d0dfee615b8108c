// What Espalier is measured against: each workload by hand on node:http, with nothing in between. It keeps the same promises
// about the cookie, the store's keys and the headers, as carefully as we know how to.
import {hash, randomFillSync} from 'node:crypto';
import {createReadStream} from 'node:fs';
import {open} from 'node:fs/promises';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {pipeline} from 'node:stream/promises';
import {isEquipped, nowhere, origin} from './equipment.js';
import {order} from './order.js';

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

function sessionIn(request) {
  const token = tokenIn(request.headers.cookie);
  const known = token && sessions.get(hash('sha256', token, 'base64url'));
  const now = secondsNow();
  if (!known || now - known.lastSeenAt >= idleTimeout) return undefined;
  known.lastSeenAt = now;
  return known;
}

function sessionOf(request, headers) {
  const known = sessionIn(request);
  if (known) return known;
  const fresh = newToken();
  const session = {uid: hash('sha256', fresh, 'base64url'), lastSeenAt: secondsNow(), count: 0, user: undefined};
  sessions.set(session.uid, session);
  headers.push('Set-Cookie', `sid=${fresh}; Path=/; HttpOnly; SameSite=Lax`);
  return session;
}

// As Espalier's own server does: the answers of one turn of the event loop go together at its end.
const isTogether = process.env.TOGETHER === 'yes';
let waiting = [];

function finish(response, body) {
  if (!isTogether) return response.end(body);
  if (waiting.push([response, body]) === 1) setImmediate(endAll);
}

function endAll() {
  const all = waiting;
  waiting = [];
  for (const [response, body] of all) response.end(body);
}

const text = 'text/plain; charset=utf-8';

function answer(response, type, body) {
  finish(response.writeHead(200, ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))]), body);
}

function answerWithSession(request, response, bodyOf) {
  const headers = ['Content-Type', text];
  if (isEquipped) equip(request, headers);
  const body = bodyOf(sessionOf(request, headers));
  headers.push('Vary', 'Cookie', 'Cache-Control', 'no-store', 'Content-Length', String(Buffer.byteLength(body)));
  finish(response.writeHead(200, headers), body);
}

function answerJson(request, response, take) {
  const chunks = [];
  request.on('data', chunk => chunks.push(chunk));
  request.on('end', () => {
    const taken = take(JSON.parse(chunks.length === 1 ? chunks[0].toString() : Buffer.concat(chunks).toString()));
    if (!taken) return response.writeHead(422).end();
    answer(response, 'application/json', JSON.stringify({...taken, state: 'taken'}));
  });
}

/** For members alone: a session that has signed in. */
function answerMember(request, response) {
  if (sessionIn(request)?.user === undefined) return response.writeHead(401).end();
  const body = 'for members';
  const length = String(Buffer.byteLength(body));
  const headers = ['Content-Type', text, 'Vary', 'Cookie', 'Cache-Control', 'no-store', 'Content-Length', length];
  finish(response.writeHead(200, headers), body);
}

// What helmet sends.
const securityHeaders = [
  'Content-Security-Policy',
  "default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline'",
  'Cross-Origin-Opener-Policy',
  'same-origin',
  'Cross-Origin-Resource-Policy',
  'same-origin',
  'Origin-Agent-Cluster',
  '?1',
  'Referrer-Policy',
  'same-origin',
  'X-Content-Type-Options',
  'nosniff',
  'X-DNS-Prefetch-Control',
  'off',
  'X-Download-Options',
  'noopen',
  'X-Frame-Options',
  'SAMEORIGIN',
  'X-Permitted-Cross-Domain-Policies',
  'none',
  'X-XSS-Protection',
  '0',
];

function equip(request, headers) {
  headers.push(...securityHeaders);
  if (request.headers.origin === origin) {
    headers.push('Access-Control-Allow-Origin', origin, 'Access-Control-Allow-Credentials', 'true');
  }
}

/** Whether a page of another site has sent this. */
function isForged({method, headers}) {
  if (method !== 'POST' || headers.origin === origin) return false;
  const site = headers['sec-fetch-site'];
  return site === undefined ? headers.origin !== undefined : site !== 'same-origin' && site !== 'none';
}

function log(request, response) {
  const at = Date.now();
  response.once('close', () => {
    const {method, url, socket, headers} = request;
    const fields = {
      time: new Date(at).toISOString(),
      method,
      url,
      status: response.statusCode,
      duration: Date.now() - at,
      ip: socket.remoteAddress,
      userAgent: headers['user-agent'],
    };
    nowhere.write(JSON.stringify(fields));
  });
}

async function answerFile(response, name) {
  const file = await open(join(process.env.FOLDER, name));
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

createServer(isTogether ? {optimizeEmptyRequests: true} : {}, (request, response) => {
  if (isEquipped) {
    log(request, response);
    if (isForged(request)) return response.writeHead(403).end();
  }
  switch (request.url) {
    case '/ping':
      return answer(response, text, 'pong');
    case '/':
      return answerWithSession(request, response, ({uid}) => `Your session id is: ${uid}`);
    case '/count':
      return answerWithSession(request, response, session => String((session.count += 1)));
    case '/order':
      return answerJson(request, response, taken => taken);
    case '/validated':
      return answerJson(request, response, taken => order.safeParse(taken).data);
    case '/sign-in':
      return answerWithSession(request, response, session => {
        session.user = 'ada';
        return 'Welcome.';
      });
    case '/members/page':
      return answerMember(request, response);
    case '/files/large.txt':
    case '/files/small.txt':
      return answerFile(response, request.url.slice('/files/'.length));
    default:
      return answerElsewhere(request, response);
  }
}).listen(Number(process.env.PORT), '127.0.0.1', function () {
  console.log(`Listening on http://127.0.0.1:${this.address().port}`);
});

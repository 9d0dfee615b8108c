// A steady load, in a process of its own: each connection sends at random intervals, however fast the answers come. The time of
// an answer counts from the moment when its request was meant to be sent, so that a server which stands still is charged
// with all that it held up.
import {connect} from 'node:net';
import {setImmediate as turn} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {answer, startChild} from './live/child.js';
import {loadCore, onCore} from './process.js';

const program = fileURLToPath(import.meta.url);

/** Starts the process, on the core for load. */
export async function startPaced(options) {
  const paced = await startChild(...onCore(loadCore, process.execPath, [program]));
  await paced.ask('open', options);
  return paced;
}

/** All that is sent is made beforehand, and no timer is used: this process must not be late itself. */
const connections = [];
const times = new Float64Array(2_000_000);
let server, requests, interval;
let count = 0;
let rejoined = 0;
let from = Infinity;
let until = Infinity;
let failure;
let lastTurn = 0;
let longestPause = 0;

async function open({url, path, cookies, perSecond, size}) {
  const {hostname, port, host} = new URL(url);
  server = {host: hostname, port: Number(port)};
  const head = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  requests = cookies.map(cookie => Buffer.from(`${head}Cookie: ${cookie}\r\n\r\n`));
  interval = (size / perSecond) * 1000;
  await Promise.all(Array.from({length: size}, add));
  spin();
}

function add() {
  const connection = {socket: undefined, due: performance.now() + Math.random() * interval, meant: NaN, text: ''};
  connections.push(connection);
  return join(connection);
}

function join(connection) {
  const buffer = Buffer.alloc(4096);
  const callback = length => hear(connection, buffer.latin1Slice(0, length));
  const {promise, resolve} = Promise.withResolvers();
  connection.socket = connect({...server, noDelay: true, onread: {buffer, callback}}, resolve);
  connection.socket.on('error', error => (failure ??= error.message)).on('close', () => rejoin(connection));
  return promise;
}

// A server closes connections that it takes for idle, as when this machine has stood still for seconds. What was under way
// is sent again, and its time goes on.
function rejoin(connection) {
  rejoined += 1;
  connection.text = '';
  void join(connection);
  if (!Number.isNaN(connection.meant)) write(connection);
}

function spin() {
  const now = performance.now();
  if (now >= from && lastTurn > 0) longestPause = Math.max(longestPause, now - lastTurn);
  lastTurn = now;
  for (const connection of connections)
    if (connection.due <= now && connection.due < until && Number.isNaN(connection.meant)) send(connection);
  setImmediate(spin);
}

function send(connection) {
  connection.meant = connection.due;
  connection.due += interval * (0.5 + Math.random());
  write(connection);
}

function write({socket}) {
  socket.write(requests[Math.floor(Math.random() * requests.length)]);
}

function hear(connection, text) {
  connection.text += text;
  const length = connection.text.indexOf('\r\n\r\n') + 4;
  if (length < 4) return true;
  const head = connection.text.slice(0, length);
  if (connection.text.length < length + Number(/^content-length: (\d+)/im.exec(head)[1])) return true;
  if (!head.startsWith('HTTP/1.1 200') || /^set-cookie:/im.test(head)) failure ??= head;
  if (connection.meant >= from) times[count++] = performance.now() - connection.meant;
  connection.meant = NaN;
  connection.text = '';
  return true;
}

function begin() {
  from = performance.now();
}

const isUnderWay = () => !failure && connections.some(({due, meant}) => due < until || !Number.isNaN(meant));

/** What was meant to be sent since `begin`, in milliseconds. Waits for all of it. */
async function end() {
  until = performance.now();
  while (isUnderWay()) await turn();
  const sorted = times.subarray(0, count).toSorted();
  const at = share => sorted[Math.min(count - 1, Math.floor(count * share))] ?? NaN;
  return {
    failure,
    perSecond: count / ((until - from) / 1000),
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    longestPause,
    rejoined,
  };
}

if (process.argv[1] === program) answer({open, begin, end}, 'ready');

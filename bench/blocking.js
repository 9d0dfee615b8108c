// npm run bench:blocking: how long a request of an allowed size keeps the event loop from anything else. Sends the requests
// that cost most, each of the largest size that is allowed by default, to a site in a process of its own. Ends with code 1
// when one of them takes longer than it may.
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {connect} from 'node:net';
import {median} from './process.js';
import {requests} from './blocking/requests.js';

/** What no request may take, in milliseconds. */
const limit = 50;
/** How often each is sent; the one in the middle counts. */
const rounds = Number(process.env.ROUNDS ?? 5);

const server = fork(new URL('../dist/bench/blocking/site.js', import.meta.url));
const [url] = await once(server, 'message');

/** Sends a request, and gives the status of its answer. */
async function send(bytes) {
  const {hostname, port} = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', chunk => (answer += chunk.toString('latin1', 0, 20)));
  // A server that has answered a request whose body it does not want may end the connection at once.
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return answer.slice(9, 12) || 'none';
}

async function longestBlock() {
  server.send('longest');
  const [longest] = await once(server, 'message');
  return longest;
}

async function measure({name, bytes}) {
  const blocks = [];
  let status;
  for (let round = 0; round < rounds; round += 1) {
    await longestBlock();
    status = await send(bytes);
    blocks.push(await longestBlock());
  }
  return {name, status, first: blocks[0], usual: median(blocks)};
}

console.log(`Node ${process.version}; each ${rounds} times; milliseconds.\n`);
console.log('| request | status | first | usual |\n| --- | --- | --- | --- |');
const slow = [];
for (const request of requests.filter(({name}) => name.includes(process.argv[2] ?? ''))) {
  const {name, status, first, usual} = await measure(request);
  console.log(`| ${name} | ${status} | ${first.toFixed(0)} | ${usual.toFixed(0)} |`);
  if (usual > limit) slow.push(name);
}
server.disconnect();
server.kill();

if (slow.length > 0) {
  console.error(`\nThese take more than ${limit} ms:\n${slow.join('\n')}`);
  process.exitCode = 1;
}

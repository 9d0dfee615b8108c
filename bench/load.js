// As many requests as a server answers, from wrk where it is installed and from autocannon where it is not.
import {execFile, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import autocannon from 'autocannon';
import {loadCore, onCore, pin, unpin} from './process.js';

const run = promisify(execFile);
const script = fileURLToPath(new URL('load.lua', import.meta.url));

/** The name of what makes the load. */
export const generator = spawnSync('wrk', ['--version']).error ? 'autocannon' : 'wrk';

/**
 * Keeps every connection busy for some seconds, and throws if an answer is not one of success. `visitors` are the headers of one
 * each, which are sent in turn, `headers` those of all. Latencies are in milliseconds.
 */
export async function load({
  url,
  method = 'GET',
  path = '/',
  body = '',
  headers = {},
  visitors = [{}],
  seconds,
  connections = 64,
  pinned = true,
}) {
  const send = generator === 'wrk' ? withWrk : withAutocannon;
  const common = body === '' ? headers : {'content-type': 'application/json', ...headers};
  const each = visitors.map(own => ({...common, ...own}));
  const result = await send({url, method, path, body, headers: each, seconds, connections, pinned});
  if (result.errors > 0) throw new Error(`${method} ${url}${path}: ${result.errors} requests failed.`);
  return result;
}

async function withWrk({url, method, path, body, headers, seconds, connections, pinned}) {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const requests = join(folder, 'requests');
  const lines = headers.map(each => Object.entries(each).flat().concat('').join('\n'));
  writeFileSync(requests, [method, path, body, ...lines].join('\n') + '\n');
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '20s', '-s', script, url, '--', requests];
  try {
    const {stdout} = await run(...onCore(pinned ? loadCore : undefined, 'wrk', options));
    const {answered, microseconds, errors, p50, p99, max} = JSON.parse(stdout.trim().split('\n').at(-1));
    return {answered, seconds: microseconds / 1e6, errors, p50: p50 / 1000, p99: p99 / 1000, max: max / 1000};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

// It is this process that makes the load then; a server that is started later must not be kept to its core.
async function withAutocannon({pinned, ...options}) {
  if (pinned) pin(process, loadCore);
  try {
    return await fire(options);
  } finally {
    if (pinned) unpin(process);
  }
}

async function fire({url, method, path, body, headers, seconds, connections}) {
  const requests = headers.map(each => ({method, path, headers: each, ...(body !== '' && {body})}));
  const {
    non2xx,
    errors,
    duration,
    latency,
    '2xx': answered,
  } = await autocannon({
    url,
    requests,
    connections,
    duration: seconds,
  });
  return {answered, seconds: duration, errors: errors + non2xx, p50: latency.p50, p99: latency.p99, max: latency.max};
}

// One contender with its sessions: `node --expose-gc server.js FILE`, started by live.js.
import {PerformanceObserver, constants, monitorEventLoopDelay} from 'node:perf_hooks';
import {setImmediate as turn, setTimeout as sleep} from 'node:timers/promises';
import {answer} from './child.js';

const {listen} = await import(process.argv[2]);
const {url, begin, size} = await listen();

const resolution = 1;
const delay = monitorEventLoopDelay({resolution});
let longestMajor = 0;
let longestMinor = 0;
/** Sessions that were there before it was filled. */
let others = 0;

new PerformanceObserver(list => {
  for (const {duration, detail} of list.getEntries()) {
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) longestMajor = Math.max(longestMajor, duration);
    if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) longestMinor = Math.max(longestMinor, duration);
  }
}).observe({entryTypes: ['gc']});

/** Begins so many sessions, and gives the cookies of some of them. */
async function fill({count, cookies, due}) {
  others = size();
  const every = Math.ceil(count / cookies);
  const given = [];
  for (let i = 0; i < count; i += 1) {
    const cookie = begin(due);
    if (i % every === 0) given.push(cookie);
    if (i % 1000 === 999) await turn();
  }
  return given;
}

/** The heap in use, in bytes, once all that is garbage has been collected. */
async function heap() {
  for (let i = 0; i < 3; i += 1) {
    globalThis.gc();
    await sleep(50);
  }
  return process.memoryUsage().heapUsed;
}

function watch() {
  longestMajor = 0;
  longestMinor = 0;
  delay.reset();
  delay.enable();
}

/** What kept the event loop longest since `watch`, in milliseconds. */
function watched() {
  delay.disable();
  return {longestMajor, longestMinor, longestDelay: Math.max(0, delay.max / 1e6 - resolution)};
}

/** Waits until no more than so many of the sessions are left, and gives the moment. */
async function untilLeft(count) {
  while (size() - others > count) await sleep(1);
  return Date.now();
}

answer({fill, heap, watch, watched, untilLeft}, url);

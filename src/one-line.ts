import {isMainThread} from 'node:worker_threads';

const errors = new WeakSet<Error>();
let isWatching = false;

/**
 * An error whose message says it all: where a program does not catch it, that one line is what it ends with, and code 1. A stack
 * would show how modules are loaded.
 */
export function asOneLine<T extends Error>(error: T): T {
  errors.add(error);
  if (isWatching || !isMainThread) return error;
  isWatching = true;
  // It sees what is uncaught, and leaves to Node what it does not end the process for.
  process.on('uncaughtExceptionMonitor', uncaught => {
    const isHandled = process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback();
    if (!errors.has(uncaught) || isHandled) return;
    process.stderr.write(`${uncaught.message}\n`);
    process.exit(1);
  });
  return error;
}

/** Whether an error is one of those. */
export function isOneLine(error: unknown): boolean {
  return errors.has(error as Error);
}

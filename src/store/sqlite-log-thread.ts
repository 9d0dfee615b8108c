// The thread that works SQLite's log into its file. It is sent the path of the file, and says how long the log is, where the store
// sees it without waiting.
import {parentPort, workerData} from 'node:worker_threads';
import {open} from './sqlite-database.ts';
import {behind, workIn} from './sqlite-log.ts';

/** How often it looks for a pause of those who write: once all is worked in, the log can begin anew. */
const tries = 3;
/** How long it is from one try to the next, in milliseconds. */
const pause = 10;

parentPort!.on('message', (message: string) => {
  if (message === 'end') parentPort!.close();
  else Atomics.store(workerData as Int32Array, 0, tryToWorkIn(message));
});

function tryToWorkIn(path: string): number {
  try {
    const {database} = open(path, 0);
    let found = workIn(database);
    for (let i = 1; i < tries && !found.isDone; i += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
      found = workIn(database);
    }
    database.close();
    return found.isDone ? found.pages : behind;
  } catch {
    // There is no file, or another one, or the disk is full: the store will notice.
    return 0;
  }
}

import {join} from 'node:path';
import test from 'ava';
import {Run, type Question} from '../../src/cli/run.ts';
import {until} from '../until.ts';
import {project} from './project.ts';

const plain = {
  isFolder: false,
  isDevelopment: true,
  loader: {module: undefined, env: {}},
  headers: [],
  accessLog: undefined,
} as const;

/** A program in a process of its own, and what it has said. */
function running(path: string) {
  const heard: Question[] = [];
  const ends: (number | string)[] = [];
  const stuck: number[] = [];
  const run = new Run(
    {...plain, path, listen: {}},
    {
      ask: (_run, question) => void heard.push(question),
      end: (_run, code) => void ends.push(code),
      stuck: (_run, seconds) => void stuck.push(seconds),
    },
  );
  return {run, heard, ends, stuck};
}

test('a process has all ready before it is to start, tells which files it loads and why it fails, and not whom else it speaks to', async t => {
  const folder = project(
    t,
    {'shop.js': `process.send('ready');\nimport './word.js';`, 'word.js': `throw new Error('No word.');`},
    [],
  );
  const {run, heard, ends} = running(join(folder, 'shop.js'));
  t.true(run.isThere);
  run.start();
  await until(() => ends.length > 0);
  t.deepEqual(ends, [1]);
  t.true(run.isOver);
  const files = heard.flatMap(question => (question.espalier === 'loaded' ? question.files.map(([path]) => path) : []));
  t.deepEqual(files, [join(folder, 'shop.js'), join(folder, 'word.js')]);
  t.like(heard.at(-1), {
    espalier: 'failed',
    isPrinted: false,
    failure: {message: 'No word.', file: join(folder, 'word.js'), line: 1},
  });
  run.tell({espalier: 'ping'});
});

test('a process that does not end by itself is made to', async t => {
  const folder = project(
    t,
    {'shop.js': `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000);`},
    [],
  );
  const {run, heard, ends} = running(join(folder, 'shop.js'));
  run.start();
  await until(() => heard.length > 0);
  await run.stop(50);
  t.deepEqual(ends, ['SIGKILL']);
  t.true(run.isStopping);
  t.false(run.isThere);
  await run.stop(50);
});

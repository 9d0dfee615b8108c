// A process that answers questions, one at a time: both ends of it.
import {spawn} from 'node:child_process';
import {once} from 'node:events';

/** Starts a command that calls `answer`. `ready` is what it says of itself first. */
export async function startChild(command, args) {
  const child = spawn(command, args, {
    env: {...process.env, NODE_ENV: 'production'},
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`${args.join(' ')} ended with ${code}.`);
  });
  failed.catch(() => {});
  const hear = async () => {
    const [{answer: heard}] = await Promise.race([once(child, 'message'), failed]);
    return heard;
  };
  const ask = (question, argument) => {
    child.send({question, argument});
    return hear();
  };
  return {child, ready: await hear(), ask, stop: () => stop(child)};
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Answers what the process that started this one asks, until that has ended. */
export function answer(questions, ready) {
  const respond = async ({question, argument}) => process.send({answer: await questions[question](argument)});
  process.on('message', asked => void respond(asked));
  process.on('disconnect', () => process.exit());
  process.send({answer: ready});
}

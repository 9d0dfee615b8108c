import {createHash} from 'node:crypto';
import {formerIdsFor, keepsEndsFor, keepsEndsLongEnough, mostIds, mostReplaced} from '../session/store/contract.ts';
import {furthestBehind} from '../session/store/lifetime.ts';
import {text as program} from './redis.lua.ts';

/** A program that runs inside Redis, in one step. */
export interface RedisScript {
  /** Its first argument. */
  readonly operation: string;
  readonly source: string;
  readonly sha1: string;
  /** Whether to run it twice is the same as once: it is made again where its reply was lost with the connection. */
  readonly isRepeatable: boolean;
}

/** What the program knows by `limits`. */
const limits = {furthestBehind, formerIdsFor, mostIds, mostReplaced, keepsEndsFor, keepsEndsLongEnough};

const limitsInLua = Object.entries(limits).map(([name, value]) => `${name} = ${value}`);

/** Code without its comments; each line stays where it is, so that an error tells the line of the file. */
const code = program.replaceAll(/^ *--.*$/gm, '');

/** The functions of the program, each from its first line to its last. */
const functions = [...code.matchAll(/^(?:local function (\w+)|function ops\.(\w+))[^]*?^end$/gm)];

/** The part of the program that an operation needs: Redis makes every function of a script anew each time it runs. */
function partFor(operation: string): string {
  let [part, end] = ['', code.length];
  for (const {0: definition, 1: name, 2: ofOperation, index} of functions.toReversed()) {
    part = code.slice(index + definition.length, end) + part;
    const isNeeded = name === undefined ? ofOperation === operation : new RegExp(`(?<![.\\w])${name}\\b`).test(part);
    part = (isNeeded ? definition : definition.replaceAll(/.+/g, '')) + part;
    end = index;
  }
  return code.slice(0, end) + part;
}

/** What makes a store grow: refused while Redis is at its memory limit. What is there can be found, and can end, even then. */
const growing: ReadonlySet<string> = new Set(['create', 'write', 'renew', 'reserve', 'enlist']);

const repeatable: ReadonlySet<string> = new Set(
  (
    'open find touch read list listEveryone bound count sweep endsSince ' +
    'listed look summaries unlist enlist keepEnds endsToTake countEnds'
  ).split(' '),
);

function scriptFor(operation: string): RedisScript {
  // With a first line like this none of them runs on a replica, not even to read: what is there may have ended.
  const first = `#!lua${growing.has(operation) ? '' : ' flags=allow-oom'}`;
  const source = partFor(operation).replace('\n', `${first}\nlocal limits = {${limitsInLua.join(', ')}}`);
  const sha1 = createHash('sha1').update(source).digest('hex');
  return {operation, source, sha1, isRepeatable: repeatable.has(operation)};
}

/** A script for each operation, by its name. */
export const scripts: ReadonlyMap<string, RedisScript> = new Map(
  functions.flatMap(([, , operation]) => (operation === undefined ? [] : [[operation, scriptFor(operation)]])),
);

/** Where an error of a script was thrown, by the file that it was made of. */
export function placed(message: string): string {
  return message.replaceAll('user_script:', 'src/store/redis.lua:');
}

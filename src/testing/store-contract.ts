import type {Awaitable} from '../awaitable.ts';
import {beginning} from './store-contract/beginning.ts';
import {clocks} from './store-contract/clocks.ts';
import {ending} from './store-contract/ending.ts';
import {finding} from './store-contract/finding.ts';
import {keeping} from './store-contract/keeping.ts';
import {lasting} from './store-contract/lasting.ts';
import {overseeing} from './store-contract/overseeing.ts';
import {processes} from './store-contract/processes.ts';
import {renewing} from './store-contract/renewing.ts';
import {users} from './store-contract/users.ts';
import {World, type Law, type StoreFixture} from './store-contract/world.ts';
import {writing} from './store-contract/writing.ts';

/** A law as a case for a test runner. */
export interface StoreCase {
  readonly title: string;
  /** Which contract the law belongs to. */
  readonly contract: 'SessionStore' | 'EndStore';
  /** Rejects when the store does not keep the law. */
  run(this: void): Promise<void>;
}

const laws: readonly Law[] = [
  ...beginning,
  ...finding,
  ...lasting,
  ...writing,
  ...renewing,
  ...users,
  ...ending,
  ...keeping,
  ...overseeing,
  ...processes,
  ...clocks,
];

/** Which laws a store is held to. */
export interface StoreContractOptions {
  /** Whether the store is an `EndStore` as well. Default: true. */
  readonly keepsEnds?: boolean;
}

/**
 * The laws that every session store keeps, and those of an `EndStore`, as cases for any test runner:
 * `for (const {title, run} of storeContract(makeFixture)) test(title, run)`. Each case makes a fixture of its own, closes what
 * it opened, and disposes of the fixture; `run` rejects with an `AssertionError` when the store does not keep the law.
 */
export function storeContract(
  makeFixture: () => Awaitable<StoreFixture>,
  {keepsEnds = true}: StoreContractOptions = {},
): readonly StoreCase[] {
  return laws
    .filter(({contract}) => keepsEnds || contract !== 'EndStore')
    .map(law => ({
      title: law.title,
      contract: law.contract ?? 'SessionStore',
      run: () => World.try(makeFixture, law),
    }));
}

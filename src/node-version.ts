import {asOneLine} from './one-line.ts';

/** The least version that this package runs on, as `engines` in package.json says. */
export const leastNode = '22.15';

/** Throws where Node is too old: it would fail later, for want of something that it does not have. */
export function refuseOldNode(versions: NodeJS.ProcessVersions = process.versions): void {
  // Others say what they can do by another Node's version.
  if ('bun' in versions || 'deno' in versions || isEnough(versions.node)) return;
  const wayOut = 'Install a later one (https://nodejs.org), or try it with one: npx -p node@24 node main.js';
  throw asOneLine(new Error(`Espalier needs Node ${leastNode} or later, and this is ${versions.node}. ${wayOut}`));
}

function isEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = leastNode.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}

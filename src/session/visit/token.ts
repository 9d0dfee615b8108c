import {serviceToken} from '../../service-token.ts';
import {hash, randomFillSync} from 'node:crypto';
import {EspalierError} from '../../errors.ts';

/** Makes the secret that a session's cookie carries: 43 characters of base64url, 256 random bits. */
export type TokenSource = () => string;

/** What a container finds a `TokenSource` by. */
export const TokenSource = serviceToken<TokenSource>('TokenSource');

const size = 32;
const pool = Buffer.alloc(size * 256);
let used = pool.length;

/** 256 bits from the system's random source (ASVS 5.0, 7.2.3). */
// Drawn in bulk: one call for each token costs ten times as much. What was handed out is wiped.
export const randomToken: TokenSource = () => {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const bytes = pool.subarray(used, (used += size));
  const token = bytes.toString('base64url');
  bytes.fill(0);
  return token;
};

/** A new token. Throws `SESSION_TOKEN_INVALID` where the source gives something else. */
export function drawToken(source: TokenSource): string {
  const token = source();
  if (isToken(token)) return token;
  throw new EspalierError(
    'SESSION_TOKEN_INVALID',
    'The TokenSource gave something other than 43 characters of base64url.',
  );
}

/** Whether a text has the shape of a token. Nothing else is ever looked up. */
export function isToken(text: string): boolean {
  return /^[\w-]{43}$/.test(text);
}

/**
 * The public label of a token's session: its SHA-256, in base64url. Stores know sessions by it alone, so that whoever
 * steals a store can't visit as anyone.
 */
export function uidOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

import * as crypto from 'node:crypto';
import {promisify} from 'node:util';

/** The least and the most characters of a password (ASVS 5.0, 6.2.1 and 6.2.9). */
export const passwordLength = {min: 8, max: 200} as const;

const scrypt = promisify<string, Buffer, number, crypto.ScryptOptions, Buffer>(crypto.scrypt);

type Argon2 = (algorithm: 'argon2id', parameters: object, done: (error: Error | null, hash: Buffer) => void) => void;

/** Node has it from 24.7 on. */
const {argon2} = crypto as unknown as {argon2?: Argon2};

/** As OWASP's Password Storage Cheat Sheet recommends. */
const costs = {argon2id: {memory: 19_456, passes: 2, parallelism: 1}, scrypt: {N: 2 ** 17, r: 8, p: 1}};

const size = 32;

function argon2id(password: string, nonce: Buffer): Promise<Buffer> {
  const parameters = {message: password, nonce, tagLength: size, ...costs.argon2id};
  return new Promise((resolve, reject) => {
    if (!argon2) throw new Error('This password was hashed by Argon2, which Node has from 24.7 on.');
    argon2('argon2id', parameters, (error, hash) => (error ? reject(error) : resolve(hash)));
  });
}

const kinds = {
  argon2id,
  scrypt: (password: string, salt: Buffer) =>
    scrypt(password, salt, size, {...costs.scrypt, maxmem: 256 * 1024 * 1024}),
};

const best = argon2 ? 'argon2id' : 'scrypt';

/** What may be kept of a password: how it was hashed, a salt, and the hash. */
export async function hashPassword(password: string): Promise<string> {
  const salt = crypto.randomBytes(16);
  const hash = await kinds[best](password.normalize('NFKC'), salt);
  return [best, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Whether this is the password. It takes as long where there is none, so that nobody can tell who has an account. */
export async function isPassword(password: string, kept: string | null | undefined): Promise<boolean> {
  const [kind, salt, hash] = (kept ?? (await nobodys)).split('$') as [keyof typeof kinds, string, string];
  const found = await kinds[kind](password.normalize('NFKC'), Buffer.from(salt, 'base64url'));
  return crypto.timingSafeEqual(found, Buffer.from(hash, 'base64url')) && kept !== null && kept !== undefined;
}

const nobodys = hashPassword(crypto.randomUUID());

/** Whether a better way to hash it is there now. */
export const isOutdated = (kept: string) => !kept.startsWith(`${best}$`);

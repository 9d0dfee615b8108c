import {createHash, generateKeyPairSync, randomBytes, sign} from 'node:crypto';

/** A device with one passkey, as a browser would ask it (W3C Web Authentication, Level 3). */
export class Authenticator {
  readonly #origin: string;
  readonly #id = randomBytes(16);
  readonly #keys = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  #user = '';
  #counter = 0;

  constructor(origin: string) {
    this.#origin = origin;
  }

  register(options: unknown) {
    const {challenge, user} = options as {challenge: string; user: {id: string}};
    this.#user = user.id;
    const data = Buffer.concat([
      this.#data(0x45),
      Buffer.alloc(16),
      uint16(this.#id.length),
      this.#id,
      this.#coseKey(),
    ]);
    const attestation = cbor(
      new Map<string, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', data],
      ]),
    );
    const clientDataJSON = this.#clientData('webauthn.create', challenge);
    return this.#credential({clientDataJSON, attestationObject: attestation.toString('base64url'), transports: []});
  }

  signIn(options: unknown) {
    const {challenge} = options as {challenge: string};
    const data = this.#data(0x05);
    const clientDataJSON = this.#clientData('webauthn.get', challenge);
    const hash = createHash('sha256').update(Buffer.from(clientDataJSON, 'base64url')).digest();
    const signature = sign('sha256', Buffer.concat([data, hash]), this.#keys.privateKey).toString('base64url');
    const authenticatorData = data.toString('base64url');
    return this.#credential({clientDataJSON, authenticatorData, signature, userHandle: this.#user});
  }

  #credential(response: object) {
    const id = this.#id.toString('base64url');
    return {id, rawId: id, type: 'public-key', response, clientExtensionResults: {}};
  }

  #data(flags: number): Buffer {
    const rp = createHash('sha256').update(new URL(this.#origin).hostname).digest();
    const head = Buffer.alloc(5);
    head[0] = flags;
    head.writeUInt32BE((this.#counter += 1), 1);
    return Buffer.concat([rp, head]);
  }

  #clientData(type: string, challenge: string): string {
    return Buffer.from(JSON.stringify({type, challenge, origin: this.#origin})).toString('base64url');
  }

  #coseKey(): Buffer {
    const {x, y} = this.#keys.publicKey.export({format: 'jwk'});
    const point = [x, y].map(part => Buffer.from(part!, 'base64url'));
    return cbor(
      new Map<number, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, point[0]],
        [-3, point[1]],
      ]),
    );
  }
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

/** As much of CBOR (RFC 8949) as a passkey needs. */
function cbor(value: unknown): Buffer {
  if (typeof value === 'number') return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value);
  if (typeof value === 'string') return Buffer.concat([cborHead(3, value.length), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([cborHead(2, value.length), value]);
  const entries = [...(value as Map<unknown, unknown>)].flatMap(([key, each]) => [cbor(key), cbor(each)]);
  return Buffer.concat([cborHead(5, entries.length / 2), ...entries]);
}

function cborHead(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length]);
  if (length < 256) return Buffer.from([(major << 5) | 24, length]);
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255]);
}

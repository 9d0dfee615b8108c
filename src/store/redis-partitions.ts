/** A part of a store. A session lies in one of them, with all that belongs to it. */
export interface Partition {
  /** What scripts are called with: what the names of its keys begin with, in one slot of a cluster. */
  readonly keys: string[];
  /** What the clock of its server was ahead of `performance.now()` by when it last answered. */
  ahead: number | undefined;
}

/** How many slots a Redis Cluster has. */
const slots = 16_384;

// CRC-16/XMODEM, by which a cluster knows the slot of a key.
const remainders = Uint16Array.from({length: 256}, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

function crcOf(text: string): number {
  let crc = 0;
  for (let i = 0; i < text.length; i += 1) {
    crc = ((crc << 8) ^ remainders[((crc >> 8) ^ text.charCodeAt(i)) & 0xff]!) & 0xffff;
  }
  return crc;
}

/**
 * The partitions of a store, and which of them anything lies in. A single one has the name of the store. The names of several
 * are such that their slots lie evenly, so that each node of a cluster has as many of them.
 */
export class RedisPartitions {
  readonly all: readonly Partition[];

  /** On a cluster scripts are called with two keys, none of which is ever there: so one whose slot is being moved runs none. */
  constructor(prefix: string, count: number, isCluster: boolean) {
    const bases = count === 1 ? [baseOf(prefix)] : tagsFor(prefix, count).map(tag => baseOf(`${prefix}{${tag}`));
    this.all = bases.map(base => ({keys: isCluster ? [base, `${base}.`] : [base], ahead: undefined}));
  }

  /** Whether there are several. */
  get areMany(): boolean {
    return this.all.length > 1;
  }

  /** Where the session by this key, or by this uid, lies; or the list of a user. */
  of(name: string): Partition {
    return this.areMany ? this.all[crcOf(name) % this.all.length]! : this.all[0]!;
  }
}

/** What the names of all keys of a store, or of a partition, begin with. */
function baseOf(name: string): string {
  return `{${name}}:`;
}

/** A tag for each partition, in the order of their slots: each has a part of the slots for itself. */
function tagsFor(prefix: string, count: number): string[] {
  const tags: string[] = [];
  for (let found = 0, next = 0; found < count; next += 1) {
    const tag = next.toString(36);
    const part = Math.floor(((crcOf(`${prefix}{${tag}`) % slots) * count) / slots);
    if (tags[part] !== undefined) continue;
    tags[part] = tag;
    found += 1;
  }
  return tags;
}

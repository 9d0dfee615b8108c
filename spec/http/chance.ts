/** Chance that can be repeated: the same number gives the same choices. */
export interface Chance {
  /** One of these. */
  one<T>(this: void, all: readonly T[]): T;
}

/** By mulberry32, which is good enough to choose with. */
export function chance(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {one: all => all[Math.floor(next() * all.length)]!};
}

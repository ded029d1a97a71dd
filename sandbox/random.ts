/** A seeded source of chance: the same seed gives the same sequence on every machine, so a failing run can be replayed. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number from `min` to `maxInclusive`. */
  int(min: number, maxInclusive: number): number;
  /** One of `items`; throws `RangeError` when there is none. */
  pick<T>(items: readonly T[]): T;
  /** True with probability `p`. */
  chance(p: number): boolean;
  /**
   * An independent sequence that depends on this one's seed and `label` only, not on how many numbers were drawn before:
   * one part of a simulator can draw more without moving the rest of the history.
   */
  fork(label: string): Random;
}

/** Makes the sequence of `seed` (any finite number; its fraction is dropped). */
export function createRandom(seed: number): Random {
  return fromState(hash(String(Math.trunc(seed))));
}

function fromState(seed: number): Random {
  let state = seed;
  function next(): number {
    // mulberry32 by Tommy Ettinger (public domain): 32 bits of state, good enough spread for test data.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  function int(min: number, maxInclusive: number): number {
    return min + Math.floor(next() * (maxInclusive - min + 1));
  }
  return {
    next,
    int,
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('Random.pick needs at least one item.');
      return items[int(0, items.length - 1)] as T;
    },
    chance: (p) => next() < p,
    fork: (label) => fromState(hash(`${seed}/${label}`)),
  };
}

/** FNV-1a over UTF-16 units, finished by a mixer so that neighbouring seeds do not give neighbouring states. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193);
  }
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

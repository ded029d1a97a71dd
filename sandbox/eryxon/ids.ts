import type { Random } from '../random.ts';

/** Makes uuids: the prefix comes from the seed, the rest counts, so that a run can be replayed and a hundred thousand are cheap. */
export function idMint(random: Random): () => string {
  const hex = (digits: number) =>
    random
      .int(0, 16 ** digits - 1)
      .toString(16)
      .padStart(digits, '0');
  const prefix = `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}`;
  let minted = 0;
  return () => {
    minted += 1;
    return `${prefix}-${minted.toString(16).padStart(12, '0')}`;
  };
}

/** Which part of a batch to send next while the MES refuses what holds a bad record as a whole. */
export interface BadSearch {
  /** From and up to which record; undefined when the batch is through. */
  next(): { from: number; to: number } | undefined;
  accepted(): void;
  /** The part was refused. True when it was one record: that one is bad. */
  refused(): boolean;
  /** Records that went through since the last bad one, earlier batches included. */
  clean(): number;
}

/**
 * The whole batch first. A part that is refused is tried in quarters; behind a bad record the parts grow with the square of how many
 * went through since. So one bad record in a hundred costs a dozen requests, and where every other one is bad hardly more than a
 * request each: halving would cost twice that.
 */
export function createBadSearch(length: number, cleanBefore: number): BadSearch {
  let at = 0;
  let clean = cleanBefore;
  let size = partAfter(clean);
  /** End of the smallest part that was refused: before it is a bad record. */
  let badBefore = 0;
  const end = () => Math.min(at + size, length);
  return {
    next() {
      // What is left of a refused part when the rest of it went through is known to be bad: it need not be tried whole.
      while (badBefore > at && size > 1 && end() >= badBefore) size = Math.ceil(size / 4);
      return at < length ? { from: at, to: end() } : undefined;
    },
    accepted() {
      clean += end() - at;
      at = end();
      if (at >= badBefore) size = partAfter(clean);
    },
    refused() {
      badBefore = end();
      const only = badBefore - at === 1;
      if (only) {
        at = badBefore;
        clean = 0;
      }
      size = only ? partAfter(clean) : Math.ceil((badBefore - at) / 4);
      return only;
    },
    clean: () => clean,
  };
}

function partAfter(clean: number): number {
  return Math.max(clean * clean, 1);
}

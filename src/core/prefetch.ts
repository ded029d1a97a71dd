/** Fetches the next item while the current one is worked on: at most two are held at any time. */
export async function* prefetch<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  let next = start(iterator);
  try {
    for (;;) {
      const result = await next;
      if (result.done === true) return;
      next = start(iterator);
      yield result.value;
    }
  } finally {
    await iterator.return?.();
  }
}

/** A failure shows when the item is asked for; until then it must not count as unhandled. */
function start<T>(iterator: AsyncIterator<T>): Promise<IteratorResult<T>> {
  const next = iterator.next();
  next.catch(() => undefined);
  return next;
}

/** Works on one item while the next is fetched. What fails ends the reading, too. */
export async function forEachAhead<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  work: (item: T) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const reading = new AbortController();
  const stop = () => reading.abort(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const item of prefetch(open(reading.signal))) {
      try {
        await work(item);
      } catch (error) {
        // The next item is on its way already: leaving the loop would wait for it.
        reading.abort();
        throw error;
      }
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

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

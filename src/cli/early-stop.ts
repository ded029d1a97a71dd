const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const stop = () => process.exit(0);

/** Until the rest of the program is loaded: a daemon that is told to stop before it has begun anything is done. */
export function stopEarly(): void {
  for (const name of signals) process.once(name, stop);
}

/** Once others listen, and not before: without any listener a signal that has come already is lost. */
export function stopNoMoreEarly(): void {
  for (const name of signals) process.off(name, stop);
}

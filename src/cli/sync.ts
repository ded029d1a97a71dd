import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodeOf } from './exit.ts';
import { printBlocked, printJson, printResults } from './output.ts';
import { showProgress } from './progress.ts';

interface SyncOptions {
  config?: string;
  full?: boolean;
  release?: boolean;
  json?: boolean;
}

export async function syncVerb(
  selection: string[],
  { config, full = false, release = false, json = false }: SyncOptions,
): Promise<number> {
  const odd = selection.find((wanted) => wanted.split('/').length > 2);
  if (odd !== undefined) throw new UsageError(`${odd} is neither CONNECTOR nor CONNECTOR/STREAM.`);
  const context = await openContext({ config });
  const { signal } = onTermination();
  if (!json) showProgress(context.events, systemClock);
  try {
    const { streams, closed = [] } = await callVerb(context, {
      name: 'sync',
      args: { selection, full, release },
      signal,
    });
    if (json) printJson({ streams, closed });
    else {
      printResults(streams);
      printBlocked(closed);
    }
    return exitCodeOf(streams, closed);
  } finally {
    await context.logger.close();
  }
}

import { startDaemon } from '../app/daemon.ts';
import { onTermination, openAppFor, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { requireReader } from './output.ts';

export async function runVerb(options: { config?: string }): Promise<number> {
  requireReader();
  const context = await openContext({ ...options, logTo: process.stdout });
  const { signal } = onTermination();
  try {
    const daemon = await startDaemon(await openAppFor(context), context.logger, signal);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await daemon.stop();
    return exitCodes.done;
  } finally {
    await context.logger.close();
  }
}

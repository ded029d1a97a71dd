import { startDaemon } from '../app/daemon.ts';
import { onTermination, openAppFor, openContext } from './context.ts';
import { exitCodes } from './exit.ts';

export async function runVerb(options: { config?: string }): Promise<number> {
  const context = await openContext({ ...options, logTo: process.stdout });
  const { signal } = onTermination();
  try {
    const app = await openAppFor(context);
    const daemon = await startDaemon(app, context.logger, signal).catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await daemon.stop();
    return exitCodes.done;
  } finally {
    await context.logger.close();
  }
}

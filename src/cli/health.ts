import { systemClock } from '../core/clock.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { createEventBus } from '../core/events.ts';
import { createHttpClient } from '../core/http.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { printLine } from './output.ts';

/** Asks the running daemon whether it is ready: for HEALTHCHECK. */
export async function healthVerb({ config }: { config?: string }): Promise<number> {
  const { loaded, logger } = await openContext({ config });
  await logger.close();
  const { host, port } = loaded.config.health;
  if (port === 0) {
    throw new ConfigError('health.port is 0: the daemon takes any free port, which nobody else can know. Set one.');
  }
  const asked = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const origin = `http://${asked.includes(':') ? `[${asked}]` : asked}:${port}`;
  const events = createEventBus(() => undefined);
  const http = createHttpClient({
    origin,
    system: 'mes',
    name: 'health',
    deadlineMs: 4000,
    maxBytes: 1_048_576,
    clock: systemClock,
    events,
  });
  try {
    const answer = await http.request({ method: 'GET', path: '/readyz' }, onTermination().signal);
    printLine(answer.text);
    return answer.status === 200 ? exitCodes.done : exitCodes.failed;
  } catch (error) {
    printLine(messageOf(error));
    return exitCodes.failed;
  } finally {
    http.close();
  }
}

import { expect, it } from 'vitest';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { openApp } from '../../src/app/app.ts';
import { callControl } from '../../src/app/control.ts';
import { startDaemon } from '../../src/app/daemon.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import { createEventBus } from '../../src/core/events.ts';
import type { OpenHttp } from '../../src/core/http.ts';
import { createLogger } from '../../src/core/logger.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { settingsFor } from '../support/plant.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const selection = { selection: [], release: false };

/** Runs by schedule: scheduler/watchdog. */
it.each([
  ['sync', { ...selection, full: false }],
  ['reconcile', { ...selection, mes: false }],
  ['rebuild', {}],
])('bar 32: a %s by hand without progress is given up and named, and readiness is red', async (verb, args) => {
  const daemon = await startHangingDaemon();
  const answer = daemon.ask(verb, args);
  await daemon.hangs();
  await daemon.clock.advance(14 * 60_000);
  expect(await daemon.readiness()).toEqual({ ready: true, reasons: [], setAside: [] });
  await daemon.clock.advance(60_000);
  const reason = 'the run was given up after 15 minutes without progress';
  expect(JSON.stringify(await answer)).toContain(`plant: ${reason}`);
  expect(daemon.stalls).toEqual(['plant']);
  const { ready, reasons } = await daemon.readiness();
  expect(ready).toBe(false);
  expect(reasons).toContainEqual(expect.stringContaining(`plant/work-centers: ${reason}`));
  await daemon.stop();
});

it('bar 32: a daemon that is told to end while it starts does not wait for the ERP', async () => {
  const daemon = await startHangingDaemon(AbortSignal.abort(new Error('Stopped by SIGTERM.')));
  expect(daemon.clock.monotonicMs()).toBeLessThan(20_000);
  await daemon.stop();
});

/** One that is never answered, whatever deadlines there are. */
async function startHangingDaemon(signal = new AbortController().signal) {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  const stalls: string[] = [];
  events.on('run:stalled', ({ connector }) => stalls.push(connector));
  let hanging = 0;
  const openHttp: OpenHttp = () => ({
    request: (_request, signal) => {
      if (signal.aborted) return Promise.reject(signal.reason);
      hanging += 1;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          hanging -= 1;
          reject(signal.reason);
        });
      });
    },
    close: () => undefined,
  });
  const sandbox = await startSandbox({ seed: 321, records: 60 });
  const directory = scratchDirectory();
  const nextYear = { everySeconds: undefined, schedule: '0 0 1 1 *' };
  const settings = settingsFor(sandbox, directory, { connector: nextYear });
  const config = (await configSchema.parseAsync(settings)) as Config;
  const app = await openApp({ config, clock, events, random: () => 0.5, openHttp });
  const logger = createLogger({ level: 'error', format: 'json', redact: String, stream: process.stdout });
  const hangs = async () => {
    while (hanging === 0) await clock.advance(1);
  };
  const starting = startDaemon(app, logger, signal);
  if (!signal.aborted) {
    await hangs();
    await clock.advance(20_000);
  }
  const daemon = await starting;
  return {
    clock,
    stalls,
    /** Resolves when a request is under way. */
    hangs,
    ask: (verb: string, args: unknown) =>
      callControl(directory, { verb, args }, new AbortController().signal).catch(String),
    readiness: async () =>
      (await fetch(`${daemon.url}/readyz`)).json() as Promise<{ ready: boolean; reasons: string[] }>,
    async stop() {
      await daemon.stop();
      await sandbox.stop();
    },
  };
}

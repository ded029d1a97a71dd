import { createWriteStream } from 'node:fs';
import type { Clock } from '../src/core/clock.ts';

/**
 * The cost of polls that find nothing: many of them in one process, with log and events as the daemon has them. On the clock of
 * this process they are half a minute apart, because what was learnt a moment before is not asked again.
 * Run as `node bench/idle.ts <config>` on a loaded state; prints JSON.
 */

const warmUps = 2000;
const polls = 2000;
const apartMs = 30_000;

async function built<Module>(path: string): Promise<Module> {
  return (await import(new URL(`../dist/src/${path}`, import.meta.url).href)) as Module;
}

const { openContext } = await built<typeof import('../src/cli/context.ts')>('cli/context.js');
const { openApp } = await built<typeof import('../src/app/app.ts')>('app/app.js');
const { systemClock } = await built<typeof import('../src/core/clock.ts')>('core/clock.js');

const context = await openContext({ config: process.argv[2], logTo: createWriteStream('/dev/null') });
const { loaded, events, redact } = context;
let aheadMs = 0;
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
const app = await openApp({ config: loaded.config, clock, events, random: Math.random, redact });
const { signal } = new AbortController();
let requests = 0;
events.on('request:done', () => {
  requests += 1;
});

/** As the daemon does it by schedule. */
async function poll(times: number): Promise<void> {
  const cycle = app.connectors.get('bench')?.cycle;
  for (let done = 0; done < times; done += 1) {
    aheadMs += apartMs;
    const request = { streams: undefined, full: false, manual: false, release: false };
    const [result] = (await cycle?.run(request, signal)) ?? [];
    if (result?.outcome !== 'ok' || result.read !== 0) throw new Error(`No idle poll: ${JSON.stringify(result)}`);
  }
}

await app.prepare(signal);
await poll(warmUps);
requests = 0;
const cpuBefore = process.cpuUsage();
const started = performance.now();
await poll(polls);
const wallMsPerPoll = (performance.now() - started) / polls;
const { user, system } = process.cpuUsage(cpuBefore);
await app.close();
await context.logger.close();
process.stdout.write(
  JSON.stringify({ requestsPerPoll: requests / polls, cpuMsPerPoll: (user + system) / 1000 / polls, wallMsPerPoll }),
);

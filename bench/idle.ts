import { createWriteStream } from 'node:fs';
import type { App, RunExclusive } from '../src/app.ts';

/**
 * The cost of polls that find nothing: many of them in one process, with log and events as the daemon has them.
 * Run as `node bench/idle.ts <config>` on a loaded state; prints JSON.
 */

const warmUps = 2000;
const polls = 2000;

const built = new URL('../dist/src/cli/context.js', import.meta.url).href;
const { openContext, openAppFor } = (await import(built)) as typeof import('../src/cli/context.ts');

const context = await openContext({ config: process.argv[2], logTo: createWriteStream('/dev/null') });
const app: App = await openAppFor(context);
const { signal } = new AbortController();
const exclusive: RunExclusive = (_name, task) => task(signal);
let requests = 0;
context.events.on('request:done', () => {
  requests += 1;
});

async function poll(times: number): Promise<void> {
  for (let done = 0; done < times; done += 1) {
    const [result] = await app.sync({ selection: [], full: false, release: false }, exclusive);
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

import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

/**
 * Loaded before a program with --import: how long its event loop was held in one go, from its first request on, written at its end to
 * the file LOOP_SAMPLES. Held is what the main thread computed between two turns; on a machine with other work the clock would
 * count that too.
 */
const everyMs = 5;
const heldMs: number[] = [];
let before: number | undefined;

const usedMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

subscribe('http.client.request.start', () => {
  before ??= usedMs();
});
setInterval(() => {
  if (before === undefined) return;
  const now = usedMs();
  heldMs.push(now - before);
  before = now;
}, everyMs).unref();

process.on('exit', () => {
  const file = process.env['LOOP_SAMPLES'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(heldMs));
});

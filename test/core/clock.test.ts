import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';

const never = new AbortController().signal;

describe('the system clock', () => {
  it('sleeps at least as long as asked, by its own monotonic time', async () => {
    const before = systemClock.monotonicMs();
    await systemClock.sleep(20, never);
    // Timers are kept in whole milliseconds, the monotonic clock is not.
    expect(systemClock.monotonicMs() - before).toBeGreaterThan(18);
  });

  it('rejects a sleep with the reason of the signal, before it and in the middle', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    const reason = new Error('shutting down');
    controller.abort(reason);
    await expect(sleeping).rejects.toBe(reason);
    await expect(systemClock.sleep(1, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it('does not sleep for a negative time', async () => {
    await expect(systemClock.sleep(-5, never)).resolves.toBeUndefined();
  });

  it('does not fire a timer of 100 days at once, as a 32-bit overflow would', async () => {
    let fired = false;
    const cancel = systemClock.after(100 * 86_400_000, () => {
      fired = true;
    });
    const controller = new AbortController();
    const sleeping = systemClock.sleep(100 * 86_400_000, controller.signal).catch(() => 'aborted');
    await systemClock.sleep(20, never);
    controller.abort();
    cancel();
    expect(fired).toBe(false);
    expect(await sleeping).toBe('aborted');
  });

  it('calls back once after the time given, and never when cancelled', async () => {
    const calls: string[] = [];
    systemClock.after(5, () => calls.push('kept'));
    systemClock.after(5, () => calls.push('cancelled'))();
    await systemClock.sleep(25, never);
    expect(calls).toEqual(['kept']);
  });

  it('does not keep the process alive for a callback that is still to come', () => {
    const clock = new URL('../../src/core/clock.ts', import.meta.url);
    const program = `import { systemClock } from '${clock}'; systemClock.after(60_000, () => {});`;
    const { status, error } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 10_000 });
    expect(error).toBeUndefined();
    expect(status).toBe(0);
  });
});

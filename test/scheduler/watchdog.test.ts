import { beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import { createEventBus, type Events, zeroCounts } from '../../src/core/events.ts';
import { createWatchdog } from '../../src/scheduler/watchdog.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const minute = 60_000;

function begin() {
  const clock = createFakeClock(new Date('2026-03-01T08:00:00.000Z'));
  const events = createEventBus((error) => {
    throw error;
  });
  const stalls: Events['run:stalled'][] = [];
  events.on('run:stalled', (event) => stalls.push(event));
  const watchdog = createWatchdog({ clock, events });
  const stopping = new AbortController();
  const run = { connector: 'plant', timeoutMs: 60_000, signal: stopping.signal };
  /** A run that ends when the test says so, or with its signal's reason. */
  function start(rest: Partial<typeof run> = {}) {
    let end: () => void = () => undefined;
    let aborted: unknown;
    const ended = watchdog.watch({ ...run, ...rest }, (signal) => {
      return new Promise<void>((resolve) => {
        end = resolve;
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
          resolve();
        });
      });
    });
    return { ended, end: () => end(), reason: () => aborted };
  }
  const answered = (system: 'erp' | 'mes', name: string, status = 200) =>
    events.emit('request:done', { system, name, status, durationMs: 1 });
  return { clock, events, stalls, watchdog, stopping, start, answered };
}

let rig: ReturnType<typeof begin>;
beforeEach(() => {
  rig = begin();
});

/** Runs that take so long each, so that the watchdog knows what is usual. */
async function runs(...durations: number[]): Promise<void> {
  for (const ms of durations) {
    const run = rig.start();
    for (let passed = 0; passed < ms; passed += minute) {
      await rig.clock.advance(Math.min(minute, ms - passed));
      rig.answered('erp', 'plant');
    }
    run.end();
    await run.ended;
  }
}

describe('a run without progress', () => {
  it('is given up after 15 minutes, with the cause named, and is told', async () => {
    const run = rig.start();
    await rig.clock.advance(15 * minute - 1);
    expect(run.reason()).toBeUndefined();
    await rig.clock.advance(1);
    await run.ended;
    expect(run.reason()).toBeInstanceOf(TransientError);
    expect(String(run.reason())).toContain(
      'plant: the run was given up after 15 minutes without progress (the last: the start)',
    );
    expect(rig.stalls).toEqual([{ connector: 'plant', silentSeconds: 900, after: 'the start' }]);
  });

  it('counts from its last progress, which is named', async () => {
    const run = rig.start();
    await rig.clock.advance(14 * minute);
    rig.events.emit('page:committed', { stream: 'plant/orders', counts: zeroCounts() });
    await rig.clock.advance(14 * minute);
    expect(run.reason()).toBeUndefined();
    await rig.clock.advance(minute);
    expect(String(run.reason())).toContain('(the last: a page of plant/orders was delivered)');
  });

  it('is given up sooner where runs are short: after three times the longest of the last five, 5 minutes at least', async () => {
    await runs(9 * minute, 2 * minute, 3 * minute, 1000, 1000, 1000);
    const run = rig.start();
    await rig.clock.advance(9 * minute - 1);
    expect(run.reason()).toBeUndefined();
    await rig.clock.advance(1);
    expect(String(run.reason())).toContain('after 9 minutes');
    await run.ended;
    await runs(1000, 1000, 1000, 1000, 1000);
    const next = rig.start();
    await rig.clock.advance(5 * minute);
    expect(String(next.reason())).toContain('after 5 minutes');
  });

  it('has time for two requests where one may take long', async () => {
    const run = rig.start({ timeoutMs: 60 * minute });
    await rig.clock.advance(120 * minute - 1);
    expect(run.reason()).toBeUndefined();
    await rig.clock.advance(1);
    expect(run.reason()).toBeDefined();
  });

  it('is not saved by requests that come to nothing, nor by another connector', async () => {
    const run = rig.start();
    for (let passed = 0; passed < 15; passed += 1) {
      for (const status of [0, 429, 500, 503]) rig.answered('erp', 'plant', status);
      rig.answered('erp', 'other');
      rig.events.emit('page:committed', { stream: 'other/orders', counts: zeroCounts() });
      await rig.clock.advance(minute);
    }
    expect(run.reason()).toBeDefined();
  });

  it('makes the connector stalled until a run of it ends well', async () => {
    const run = rig.start();
    await rig.clock.advance(15 * minute);
    await run.ended;
    expect(rig.watchdog.stalled('plant')).toContain('without progress');
    expect(rig.watchdog.stalled('other')).toBeUndefined();
    await runs(1000);
    expect(rig.watchdog.stalled('plant')).toBeUndefined();
  });
});

describe('a healthy run', () => {
  it('of eight hours is never given up, however short runs usually are', async () => {
    await runs(1000, 1000, 1000);
    const run = rig.start();
    for (let passed = 0; passed < 8 * 60; passed += 4) {
      await rig.clock.advance(4 * minute);
      rig.answered('erp', 'plant');
    }
    expect(run.reason()).toBeUndefined();
    run.end();
    await run.ended;
    expect(rig.stalls).toEqual([]);
  });

  it('that only the MES keeps waiting, answer by answer, goes on', async () => {
    const run = rig.start();
    for (let passed = 0; passed < 60; passed += 10) {
      await rig.clock.advance(10 * minute);
      rig.answered('mes', 'mes');
    }
    expect(run.reason()).toBeUndefined();
    run.end();
    await run.ended;
  });

  it('is not to blame for the time that it was told to wait', async () => {
    const run = rig.start();
    rig.events.emit('request:retried', {
      system: 'erp',
      name: 'plant',
      attempt: 1,
      waitMs: 20 * minute,
      error: '429',
    });
    await rig.clock.advance(35 * minute - 1);
    expect(run.reason()).toBeUndefined();
    await rig.clock.advance(1);
    expect(run.reason()).toBeDefined();
  });

  it('leaves no timer behind', async () => {
    await runs(3 * minute);
    expect(rig.clock.pending()).toBe(0);
  });

  it('that is stopped from outside gets that reason, and nothing is stalled', async () => {
    const run = rig.start();
    const reason = new Error('The program is stopping.');
    rig.stopping.abort(reason);
    await run.ended;
    expect(run.reason()).toBe(reason);
    expect(rig.watchdog.stalled('plant')).toBeUndefined();
  });
});

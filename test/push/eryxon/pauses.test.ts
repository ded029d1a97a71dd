import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import type { HttpRequest } from '../../../src/core/http.ts';
import type { Entity } from '../../../src/core/types.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { forgetfulNotes } from '../../../src/push/eryxon/notes.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ready, record } from '../../support/push-builders.ts';

const minuteMs = 60_000;
const doesNotStart = {
  status: 503,
  headers: {},
  text: '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}',
};

type IsDown = (request: HttpRequest) => boolean | Promise<boolean>;

async function start(generation: Generation, isDown: IsDown) {
  const { mes, transport } = await startMes({ generation });
  const seen = { requests: 0 };
  const before: Transport = {
    async request(request) {
      seen.requests += 1;
      return (await isDown(request)) ? doesNotStart : transport.request(request);
    },
  };
  const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  const sink = createEryxonSink(`${mes.url}/functions/v1`, { clock, notes: forgetfulNotes() });
  let count = 0;
  const push = async (entity: Entity = 'cell') => {
    count += 1;
    const [result] = await sink.deliver({ entity, changes: [ready(record(entity, `n${count}`))] }, before);
    return result?.kind;
  };
  /** Minutes until a new record goes out. */
  const wait = async (entity: Entity = 'cell') => {
    for (let minute = 0; minute < 24 * 60; minute += 1) {
      if ((await push(entity)) === 'delivered') return minute;
      await clock.advance(minuteMs);
    }
    return Number.POSITIVE_INFINITY;
  };
  return { sink, clock, seen, transport: before, push, wait };
}

const ofCells = ({ path }: HttpRequest) => path.includes('/api-cells');

describe('the pause until a MES is looked at again', () => {
  it.each(['v060', 'main'] as const)('is ten minutes where only creates have no way (%s)', async (generation) => {
    let down = false;
    const { clock, push, wait } = await start(generation, ({ path }) => down && path.includes('/api-jobs'));
    expect(await push('job')).toBe('delivered');
    await clock.advance(minuteMs);
    down = true;
    expect(await push('job')).toBe('unavailable');
    down = false;
    expect(await wait('job')).toBe(10);
  });

  it.each(['classic', 'main'] as const)(
    'begins anew for a fault of its own: a minute in every two hours (%s)',
    async (generation) => {
      let down = false;
      const { clock, push } = await start(generation, (request) => down && ofCells(request));
      let without = 0;
      for (let minute = 0; minute < 24 * 60; minute += 1) {
        down = minute % 120 === 60;
        if ((await push()) !== 'delivered') without += 1;
        await clock.advance(minuteMs);
      }
      expect(without).toBe(12 * 10);
    },
  );

  it.each([-7_200_000, 7_200_000])('is not shorter or longer for a clock that is set by %i ms', async (byMs) => {
    let down = true;
    const { clock, seen, push } = await start('main', (request) => down && ofCells(request));
    expect(await push()).toBe('unavailable');
    clock.jump(byMs);
    down = false;
    expect(await push()).toBe('delivered');
    const before = seen.requests;
    for (let count = 0; count < 5; count += 1) expect(await push()).toBe('delivered');
    expect(seen.requests).toBe(before + 5);
  });

  it('holds though the clock is set back by seconds between the look and the delivery that closes a kind', async () => {
    let down = false;
    let met = 0;
    const { clock, push, wait } = await start('classic', (request) => {
      if (!down || !ofCells(request)) return false;
      met += 1;
      if (met === 2) clock.jump(-5000);
      return true;
    });
    expect(await push()).toBe('delivered');
    await clock.advance(20 * minuteMs);
    down = true;
    expect(await push()).toBe('unavailable');
    down = false;
    expect(await wait()).toBeLessThanOrEqual(10);
  });

  it.each(['classic', 'main'] as const)('is not doubled by looks that a person asks for (%s)', async (generation) => {
    let down = false;
    const { sink, clock, transport, push, wait } = await start(generation, (request) => down && ofCells(request));
    expect(await push()).toBe('delivered');
    await clock.advance(20 * minuteMs);
    down = true;
    expect(await push()).toBe('unavailable');
    for (let minute = 0; minute < 7; minute += 1) {
      await clock.advance(minuteMs);
      await sink.lookAgain(transport);
      expect(await push()).toBe('unavailable');
    }
    down = false;
    expect(await wait()).toBe(10);
  });

  it.each(['classic', 'main'] as const)(
    'is not begun by a late answer, once another batch has been delivered behind a look (%s)',
    async (generation) => {
      let met = -1;
      const late = Promise.withResolvers<void>();
      const { clock, push } = await start(generation, async (request) => {
        if (met < 0 || !ofCells(request)) return false;
        met += 1;
        if (met === 2) await late.promise;
        return met <= 2;
      });
      expect(await push()).toBe('delivered');
      await clock.advance(minuteMs);
      met = 0;
      const first = push();
      const second = push();
      expect(await first).toBe('delivered');
      late.resolve();
      expect(await second).toBe('delivered');
      expect(await push()).toBe('delivered');
    },
  );

  it('counts for each kind by itself', async () => {
    const down: string[] = [];
    const { sink, clock, push } = await start('main', ({ path }) => down.some((name) => path.includes(name)));
    expect(await push()).toBe('delivered');
    for (const [entity, name] of [
      ['cell', '/api-cells'],
      ['resource', '/api-resources'],
    ] as const) {
      await clock.advance(minuteMs);
      down.push(name);
      expect(await push(entity)).toBe('unavailable');
    }
    const closed = (await sink.ways()).filter(({ create }) => create === null).map(({ entity }) => entity);
    expect(closed.sort()).toEqual(['cell', 'resource']);
  });

  it('keeps down the looks of a MES of which no function starts', async () => {
    let down = false;
    const { clock, seen, push } = await start('main', () => down);
    expect(await push()).toBe('delivered');
    await clock.advance(20 * minuteMs);
    down = true;
    const before = seen.requests;
    for (let minute = 0; minute < 60; minute += 1) {
      expect(await push()).toBe('unavailable');
      await clock.advance(minuteMs);
    }
    // One for each batch, and six looks of three.
    expect(seen.requests - before).toBe(60 + 6 * 3);
  });

  it('ends resources by erp-sync, which loses what people have set of them, when their own function starts again (repaired)', async () => {
    let down = false;
    const { sink, clock, push } = await start('repaired', ({ path }) => down && path.includes('/api-resources'));
    const way = async () => (await sink.ways()).find(({ entity }) => entity === 'resource')?.update;
    expect(await push('resource')).toBe('delivered');
    const own = await way();
    await clock.advance(20 * minuteMs);
    down = true;
    await push('resource');
    expect(await way()).toBe('erp-sync');
    down = false;
    await clock.advance(10 * minuteMs);
    await push('resource');
    expect(await way()).toBe(own);
  });
});

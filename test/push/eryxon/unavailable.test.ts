import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import type { Entity } from '../../../src/core/types.ts';
import { createEryxonSink, type EryxonSink } from '../../../src/push/eryxon/index.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ready, record } from '../../support/push-builders.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const cells = { entity: 'cell', changes: [ready(record('cell', '1'))] } as const;

const doesNotStart = '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}';

/** A MES whose function of cells does not start until it is mended. */
async function startBroken() {
  const { mes, transport } = await startMes({ generation: 'main' });
  let broken = true;
  const before: Transport = {
    request: (request) =>
      broken && request.path.includes('/api-cells')
        ? Promise.resolve({ status: 503, headers: {}, text: doesNotStart })
        : transport.request(request),
  };
  const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  const told: (readonly Entity[])[] = [];
  const onAvailable = async (entities: readonly Entity[]) => void told.push(entities);
  const sink = createEryxonSink(`${mes.url}/functions/v1`, { clock, onAvailable });
  return { mes, sink, clock, told, transport: before, mend: () => (broken = false), breakAgain: () => (broken = true) };
}

/** A MES of which these functions do not start. */
async function startWith(...broken: string[]) {
  return startGeneration('main', broken);
}

async function startGeneration(generation: Generation, broken: string[]) {
  const { mes, transport } = await startMes({ generation });
  const boot = { broken, met: 0 };
  const before: Transport = {
    async request(request) {
      if (!boot.broken.some((name) => request.path.includes(`/${name}`))) return transport.request(request);
      boot.met += 1;
      return { status: 503, headers: {}, text: doesNotStart };
    },
  };
  const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  return { mes, sink: createEryxonSink(`${mes.url}/functions/v1`, { clock }), clock, transport: before, boot };
}

describe('a kind of record that the MES takes in no way', () => {
  it('is told of as available by the first look that finds it, ten minutes after the last one', async () => {
    const { mes, sink, clock, told, transport, mend } = await startBroken();
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'unavailable' }]);
    expect(told).toEqual([['resource', 'job', 'part', 'operation']]);
    mend();
    await clock.advance(10 * minuteMs - 1);
    const before = mes.requests().total;
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'unavailable' }]);
    expect(mes.requests().total).toBe(before);
    await clock.advance(1);
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(told.slice(1)).toEqual([['cell']]);
  });

  it('is looked for after pauses that double, up to six hours, and after ten minutes again once it was taken for a day', async () => {
    const { mes, sink, clock, transport, mend, breakAgain } = await startBroken();
    const looks = async (minutes: number) => {
      const at: number[] = [];
      for (let minute = 0; minute < minutes; minute += 1) {
        const before = mes.requests().total;
        await sink.deliver(cells, transport);
        if (mes.requests().total > before) at.push(minute);
        await clock.advance(minuteMs);
      }
      return at;
    };
    expect(await looks(24 * 60)).toEqual([0, 10, 30, 70, 150, 310, 630, 990, 1350]);
    mend();
    await clock.advance(6 * hourMs);
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'delivered' }]);
    await clock.advance(24 * hourMs);
    breakAgain();
    expect(await looks(40)).toEqual([0, 10, 30]);
  });

  it('is found by a look that another kind of record leads to', async () => {
    const { sink, clock, told, transport, mend } = await startBroken();
    await sink.deliver(cells, transport);
    mend();
    await clock.advance(10 * minuteMs);
    await sink.deliver({ entity: 'job', changes: [ready(record('job', '1'))] }, transport);
    expect(told.slice(1)).toEqual([['cell']]);
  });

  it('is told of once: later looks find nothing new', async () => {
    const { sink, clock, told, transport, mend } = await startBroken();
    mend();
    for (let day = 0; day < 3; day += 1) {
      await sink.deliver(cells, transport);
      await clock.advance(24 * hourMs);
    }
    expect(told).toEqual([['cell', 'resource', 'job', 'part', 'operation']]);
  });
});

describe('a look while functions do not start', () => {
  const resources = (id: string) => ({ entity: 'resource', changes: [ready(record('resource', id))] }) as const;

  it('goes on to the next one, and finds out what the others take', async () => {
    const { sink, transport } = await startWith('api-jobs', 'api-parts');
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(await sink.deliver(resources('1'), transport)).toMatchObject([{ kind: 'delivered' }]);
  });

  it('leaves what is known where no function tells, asks no more for ten minutes, and delivers what it can', async () => {
    const { mes, sink, clock, transport, boot } = await startWith();
    expect(await sink.deliver(resources('1'), transport)).toMatchObject([{ kind: 'delivered' }]);
    boot.broken = ['api-jobs', 'api-parts', 'api-cells'];
    sink.rediscover();
    const before = mes.requests().total;
    expect(await sink.deliver(resources('2'), transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(await sink.deliver(resources('3'), transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(mes.requests().total).toBe(before + 2);
    expect(boot.met).toBe(3);
    await clock.advance(10 * 60_000);
    expect(await sink.deliver(resources('4'), transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(boot.met).toBe(6);
  });

  it('knows nothing where none is known: records wait', async () => {
    const { sink, transport } = await startWith('api-jobs', 'api-parts', 'api-cells');
    expect(await sink.deliver(resources('1'), transport)).toMatchObject([
      { kind: 'unavailable', reason: expect.stringContaining('api-jobs does not start') },
    ]);
  });
});

describe('a function that stops starting a moment after a look', () => {
  const closed = async (sink: EryxonSink) =>
    (await sink.ways()).filter(({ create }) => create === null).map(({ entity }) => entity);

  it.each(['classic', 'v060', 'main', 'repaired'] as const)(
    'is known at once, and tried again ten minutes later (%s)',
    async (generation) => {
      const { sink, clock, transport, boot } = await startGeneration(generation, []);
      expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'delivered' }]);
      await clock.advance(minuteMs);
      boot.broken = ['api-cells'];
      const more = { entity: 'cell', changes: [ready(record('cell', '2'))] } as const;
      expect(await sink.deliver(more, transport)).toMatchObject([{ kind: 'unavailable' }]);
      expect(await closed(sink)).toEqual(['cell']);
      const { met } = boot;
      expect(await sink.deliver(more, transport)).toMatchObject([{ kind: 'unavailable' }]);
      expect(boot.met).toBe(met);
      boot.broken = [];
      await clock.advance(10 * minuteMs);
      expect(await sink.deliver(more, transport)).toMatchObject([{ kind: 'delivered' }]);
      expect(await closed(sink)).toEqual([]);
    },
  );

  it('and starts again while it is looked at leads to one look in ten minutes', async () => {
    const { mes, transport } = await startMes({ generation: 'main' });
    const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
    const sink = createEryxonSink(`${mes.url}/functions/v1`, { clock });
    let looks = 0;
    // Records fail, empty questions do not.
    const flapping: Transport = {
      async request(request) {
        if (request.path.endsWith('/api-erp-sync/sync')) looks += 1;
        const isCreate = request.method === 'POST' && request.path.endsWith('/api-cells');
        return isCreate ? { status: 503, headers: {}, text: doesNotStart } : transport.request(request);
      },
    };
    for (let minute = 0; minute < 9; minute += 1) {
      expect(await sink.deliver(cells, flapping)).toMatchObject([{ kind: 'unavailable' }]);
      await clock.advance(minuteMs);
    }
    expect(looks).toBe(2);
  });
});

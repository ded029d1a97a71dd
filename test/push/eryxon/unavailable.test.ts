import { describe, expect, it } from 'vitest';
import type { Entity } from '../../../src/core/types.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ready, record } from '../../support/push-builders.ts';

const hourMs = 3_600_000;
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
  return { mes, sink, clock, told, transport: before, mend: () => (broken = false) };
}

/** A MES of which these functions do not start. */
async function startWith(...broken: string[]) {
  const { mes, transport } = await startMes({ generation: 'main' });
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
  it('is told of as available by the first look that finds it, six hours after the last one', async () => {
    const { mes, sink, clock, told, transport, mend } = await startBroken();
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'unavailable' }]);
    expect(told).toEqual([['resource', 'job', 'part', 'operation']]);
    mend();
    await clock.advance(6 * hourMs - 1);
    const before = mes.requests().total;
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'unavailable' }]);
    expect(mes.requests().total).toBe(before);
    await clock.advance(1);
    expect(await sink.deliver(cells, transport)).toMatchObject([{ kind: 'delivered' }]);
    expect(told.slice(1)).toEqual([['cell']]);
  });

  it('is found by a look that another kind of record leads to', async () => {
    const { sink, clock, told, transport, mend } = await startBroken();
    await sink.deliver(cells, transport);
    mend();
    await clock.advance(6 * hourMs);
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

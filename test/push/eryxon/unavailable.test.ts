import { describe, expect, it } from 'vitest';
import type { Entity } from '../../../src/core/types.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { ready, record } from '../../support/push-builders.ts';

const hourMs = 3_600_000;
const cells = { entity: 'cell', changes: [ready(record('cell', '1'))] } as const;

/** A MES whose function of cells does not start until it is mended. */
async function startBroken() {
  const { mes, transport } = await startMes({ generation: 'main' });
  let broken = true;
  const answer = '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}';
  const before: Transport = {
    request: (request) =>
      broken && request.path.includes('/api-cells')
        ? Promise.resolve({ status: 503, headers: {}, text: answer })
        : transport.request(request),
  };
  const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
  const told: (readonly Entity[])[] = [];
  const onAvailable = async (entities: readonly Entity[]) => void told.push(entities);
  const sink = createEryxonSink(`${mes.url}/functions/v1`, { clock, onAvailable });
  return { mes, sink, clock, told, transport: before, mend: () => (broken = false) };
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

import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import type { Entity } from '../../../src/core/types.ts';
import type { ReadyChange, SinkResult, Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { entry, ready, record } from '../../support/push-builders.ts';

/** The first answer to each create is lost: before the MES has done it, or after. */
function losing(transport: Transport, when: 'before' | 'after'): Transport {
  return {
    async request(request) {
      if (request.onUnknownOutcome === undefined) return transport.request(request);
      if (when === 'after') await transport.request(request);
      request.onUnknownOutcome();
      return transport.request(request);
    },
  };
}

async function start(generation: Generation, when: 'before' | 'after') {
  const { mes, sink, transport } = await startMes({ generation });
  const deliver = (entity: Entity, change: ReadyChange) =>
    sink.deliver({ entity, changes: [change] }, losing(transport, when));
  return { mes, deliver };
}

const idOf = ([result]: readonly SinkResult[]) => (result?.kind === 'delivered' ? result.mesId : undefined);

describe.each(['v060', 'main'] as const)('a create on %s whose answer is lost', (generation) => {
  it.each(['before', 'after'] as const)(
    'makes one row in the same pass, and its id is found (lost %s)',
    async (when) => {
      const { mes, deliver } = await start(generation, when);
      const cell = idOf(await deliver('cell', ready(record('cell', 'c'))));
      const resource = idOf(await deliver('resource', ready(record('resource', 'r'))));
      expect([typeof cell, typeof resource]).toEqual(['string', 'string']);
      expect(mes.counts()).toMatchObject({ cells: 1, resources: 1 });
    },
  );

  it('counts as delivered for an operation, of which this MES tells no id, and says so when it changes', async () => {
    const { mes, deliver } = await start(generation, 'after');
    const found = async (entity: 'cell' | 'job' | 'part', id: string) => ({
      mesId: idOf(await deliver(entity, { ...ready(record(entity, id)), parents: {} })) ?? null,
      businessKey: null,
    });
    const cell = await found('cell', 'c');
    const job = await found('job', 'j');
    const tied = { ...ready(record('part', 'p', { parents: { job: 'j' } })), parents: { job } };
    const part = { mesId: idOf(await deliver('part', tied)) ?? null, businessKey: null };
    const operation = (minutes: number, known?: ReadyChange['known']): ReadyChange => {
      const fields = { operation_name: 'Cut', sequence: 10, estimated_time_minutes: minutes };
      const of = record('operation', 'o', { parents: { part: 'p', cell: 'c' }, fields });
      return { ...ready(of), known, parents: { part, cell } };
    };
    expect(await deliver('operation', operation(5))).toEqual([{ kind: 'delivered', action: 'created', mesId: null }]);
    expect(mes.counts().operations).toBe(1);
    const [changed] = await deliver('operation', operation(6, entry()));
    expect(changed).toMatchObject({ kind: 'refused', reason: expect.stringContaining('tells its id nowhere') });
    expect(mes.counts().operations).toBe(1);
  });
});

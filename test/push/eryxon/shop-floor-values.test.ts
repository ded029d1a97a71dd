import { describe, expect, it } from 'vitest';
import type { LedgerEntry } from '../../../src/core/types.ts';
import type { Lookup } from '../../../src/push/pusher.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { type RunningMes, startMes } from '../../support/eryxon-mes.ts';
import { change, entry, ledger, record } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const resource = (id: number, rest = {}) =>
  record('resource', `r${id}`, { fields: { name: `R${id}`, type: 'x', active: true, ...rest } });
const kinds = [
  { what: 'classic', generation: 'classic' },
  { what: 'classic as released', generation: 'classic', released: true },
  { what: 'classic without bulk-sync', generation: 'classic', bulk: false },
  { what: 'v060', generation: 'v060' },
  { what: 'main', generation: 'main' },
  { what: 'repaired', generation: 'repaired' },
] as const;

/** Delivers that many, and people at the MES set each to maintenance. */
async function maintained({ mes, pusher }: RunningMes, count: number): Promise<Map<string, LedgerEntry>> {
  const first = Array.from({ length: count }, (_, id) => change(resource(id)));
  const { outcomes } = await pusher.push(first, { lookup: ledger().lookup }, signal);
  return new Map(
    outcomes.map((outcome) => {
      const { externalId } = outcome.change.record;
      mes.edit('resources', externalId, { status: 'maintenance' });
      return [externalId, entry({ mesId: outcome.kind === 'delivered' ? outcome.mesId : null })] as const;
    }),
  );
}

const none: Lookup = async () => new Map();

describe('the status that people at the MES gave a resource', () => {
  for (const count of [1, 5, 120]) {
    it.each(kinds)(`stays when ${count} of them change in the ERP: $what`, async (kind) => {
      const running = await startMes(kind);
      const known = await maintained(running, count);
      const changed = Array.from({ length: count }, (_, id) =>
        change(resource(id, { location: 'Hall 9' }), known.get(`r${id}`)),
      );
      const { outcomes } = await running.pusher.push(changed, { lookup: none }, signal);
      expect(outcomes.filter((outcome) => outcome.kind === 'delivered' && outcome.action === 'updated')).toHaveLength(
        count,
      );
      for (const { fields } of running.mes.image().resources.values()) {
        expect(fields).toMatchObject({ status: 'maintenance', location: 'Hall 9' });
      }
    });
  }

  it.each(kinds)('costs no more requests than are planned: $what', async (kind) => {
    const running = await startMes(kind);
    const known = await maintained(running, 5);
    for (const count of [1, 5]) {
      const changed = Array.from({ length: count }, (_, id) =>
        change(resource(id, { location: `${count}` }), known.get(`r${id}`)),
      );
      const planned = await running.sink.estimate?.({ entity: 'resource', changes: changed });
      const before = running.mes.requests().total;
      await running.pusher.push(changed, { lookup: none }, signal);
      expect(running.mes.requests().total - before).toBe(planned);
    }
  });

  it.each(kinds)('stays, like the color of a cell, which the ERP does not name: $what', async (kind) => {
    const { mes, pusher, sink } = await startMes(kind);
    const cell = (id: number, fields: object) =>
      record('cell', `c${id}`, { fields: { name: `C${id}`, active: true, ...fields } });
    const first = await pusher.push([change(cell(1, {})), change(cell(2, {}))], { lookup: none }, signal);
    const known = first.outcomes.map((outcome) =>
      entry({ mesId: outcome.kind === 'delivered' ? outcome.mesId : null }),
    );
    mes.edit('cells', 'c1', { color: '#FF0000' });
    mes.edit('cells', 'c2', { color: '#FF0000' });
    const changed = [change(cell(1, { sequence: 7 }), known[0]), change(cell(2, { color: '#00FF00' }), known[1])];
    const planned = await sink.estimate?.({ entity: 'cell', changes: changed });
    const before = mes.requests().total;
    await pusher.push(changed, { lookup: none }, signal);
    expect(mes.requests().total - before).toBe(planned);
    expect(mes.image().cells.get('c1')?.fields).toMatchObject({ sequence: 7, color: '#FF0000' });
    expect(mes.image().cells.get('c2')?.fields).toMatchObject({ color: '#00FF00' });
  });

  it('cannot be kept where the function of resources does not start: check says so', async () => {
    const { sink, transport } = await startMes({ generation: 'repaired' });
    const text = '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}';
    const broken: Transport = {
      request: (request) =>
        request.path.includes('/api-resources')
          ? Promise.resolve({ status: 503, headers: {}, text })
          : transport.request(request),
    };
    const findings = await sink.check(broken);
    const limited = findings.filter(({ code }) => code === 'mes-way-limited');
    expect(limited.map(({ where }) => where)).toEqual(['mes resources']);
    expect(limited[0]?.text).toContain('makes the status "available" again');
  });
});

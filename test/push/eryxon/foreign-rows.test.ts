import { describe, expect, it } from 'vitest';
import type { MesRecord } from '../../../src/core/types.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { change, ledger, ready, record, told } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const count = 12;
const generations = ['main', 'v060', 'repaired'] as const;
const many = (make: (id: string) => MesRecord) => Array.from({ length: count }, (_, id) => make(String(id)));
const job = (id: string, rest: Partial<MesRecord> = {}) => record('job', id, rest);
const part = (id: string, rest: Partial<MesRecord> = {}) => record('part', id, { parents: { job: '0' }, ...rest });

describe('rows of another source that have the numbers already', () => {
  it.each(generations)(
    'are never taken for our jobs, which are refused by name, nor written to: %s',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      await pusher.push(
        many((id) => job(id, { source: 'OTHER' })).map((each) => change(each)),
        { lookup: ledger().lookup },
        signal,
      );
      const { outcomes } = await pusher.push(
        many(job).map((each) => change(each)),
        { lookup: ledger().lookup },
        signal,
      );
      expect(told(outcomes).filter((text) => text.includes('jobs_tenant_id_job_number_key'))).toHaveLength(count);
      expect(mes.image('SAP').jobs.size).toBe(0);
      const changed = many((id) => job(id, { fields: { job_number: `J-${id}`, customer: 'Acme', notes: 'ours' } }));
      await pusher.push(
        changed.map((each) => change(each)),
        { lookup: ledger().lookup },
        signal,
      );
      expect([...mes.image('OTHER').jobs.values()].some(({ fields }) => fields['notes'] === 'ours')).toBe(false);
    },
  );

  it.each(['v060', 'repaired'] as const)(
    'are never taken for our parts where erp-sync does not start: %s',
    async (generation) => {
      const { mes, sink, transport } = await startMes({ generation });
      const text = '{"code":"BOOT_ERROR","message":"Function failed to start (please check logs)"}';
      const broken: Transport = {
        request: (request) =>
          request.path.includes('/api-erp-sync')
            ? Promise.resolve({ status: 503, headers: {}, text })
            : transport.request(request),
      };
      await sink.deliver({ entity: 'job', changes: [ready(job('0'))] }, broken);
      await sink.deliver(
        { entity: 'part', changes: many((id) => part(id, { source: 'OTHER' })).map((each) => ready(each)) },
        broken,
      );
      const results = await sink.deliver({ entity: 'part', changes: many(part).map((each) => ready(each)) }, broken);
      expect(results.map(({ kind }) => kind)).toEqual(Array.from({ length: count }, () => 'refused'));
      expect(mes.image('SAP').parts.size).toBe(0);
    },
  );

  it.each(generations)(
    'leave our own, which the ledger has forgotten, to be found in the lists: %s',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      const first = await pusher.push(
        many(job).map((each) => change(each)),
        { lookup: ledger().lookup },
        signal,
      );
      const before = mes.requests().total;
      const again = await pusher.push(
        many(job).map((each) => change(each)),
        { lookup: ledger().lookup },
        signal,
      );
      const ids = ({ outcomes }: typeof first) =>
        outcomes.map((outcome) => outcome.kind === 'delivered' && outcome.mesId);
      expect(ids(again)).toEqual(ids(first));
      expect(mes.requests().total - before).toBeLessThan(4);
    },
  );
});

import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import type { Outcome } from '../../../src/core/types.ts';
import { probe } from '../../../src/push/eryxon/capabilities.ts';
import { reportWays } from '../../../src/push/eryxon/findings.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { createPusher } from '../../../src/push/pusher.ts';
import { classicMes, startMes } from '../../support/eryxon-mes.ts';
import { change, entry, ledger, record, told } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const { lookup } = ledger();

const jobs = (count: number) => Array.from({ length: count }, (_, id) => change(record('job', String(id))));

/** MES ids by `<entity>/<externalId>`. */
function idsOf(outcomes: readonly Outcome[]): Map<string, string | null> {
  return new Map(
    outcomes.flatMap((outcome) => {
      const { entity, externalId } = outcome.change.record;
      return outcome.kind === 'delivered' ? [[`${entity}/${externalId}`, outcome.mesId] as const] : [];
    }),
  );
}

describe('what a MES can do', () => {
  it.each([
    ['classic', 1, ['classic-bulk', 'classic-bulk', 'classic-bulk', 'classic-bulk', 'classic-bulk']],
    ['v060', 9, ['post-patch', 'post-patch', 'generic-bulk', 'erp-sync', 'post-patch']],
    ['main', 8, ['post-patch', 'post-patch', 'generic-bulk', 'erp-sync', 'post-patch']],
    ['repaired', 12, ['generic-bulk', 'generic-bulk', 'erp-sync', 'erp-sync', 'generic-bulk']],
  ] as [Generation, number, string[]][])('is found out of %s in %i requests that store nothing', async (...row) => {
    const [generation, requests, creates] = row;
    const { mes, transport } = await startMes({ generation });
    const found = await probe('/functions/v1', transport, new Date());
    expect(mes.requests().total).toBe(requests);
    expect(mes.counts()).toEqual({ cells: 0, resources: 0, jobs: 0, parts: 0, operations: 0 });
    expect(reportWays(found).map(({ create }) => create)).toEqual(creates);
  });

  it('is not believed of another MES', async () => {
    const { mes, transport } = await startMes({ generation: 'main' });
    const sink = createEryxonSink(`${mes.url}/functions/v1`, classicMes('bulk', 'https://old.example/functions/v1'));
    await sink.check(transport);
    expect((await sink.ways()).map(({ create }) => create)).not.toContain('classic-bulk');
  });

  it('is told by check with the reason: what costs a request each, and what cannot be changed', async () => {
    const { sink, transport } = await startMes({ generation: 'main' });
    const findings = (await sink.check(transport)).filter(({ code }) => code.startsWith('mes-way'));
    expect(findings.map(({ where, code }) => `${where} ${code}`)).toEqual([
      'mes cells mes-way-single',
      'mes resources mes-way-single',
      'mes jobs mes-way',
      'mes parts mes-way-limited',
      'mes operations mes-way-single',
    ]);
    expect(findings[0]?.text).toContain("'sync_hash' column of 'cells'");
    expect(findings[3]?.text).toContain('BOOT_ERROR');
  });
});

describe('a bulk-sync that only counts', () => {
  it('takes two requests for a hundred new records: the second looks for them', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push(jobs(1), { lookup }, signal);
    const before = mes.requests().total;
    const page = Array.from({ length: 100 }, (_, id) => change(record('job', `n${id}`)));
    const { outcomes } = await pusher.push(page, { lookup }, signal);
    expect(mes.requests().total - before).toBe(2);
    expect(outcomes.every((outcome) => outcome.kind === 'delivered' && outcome.mesId !== null)).toBe(true);
  });

  it.each(['main', 'v060', 'repaired'] as const)(
    'of %s that lies is found out, and what is missing sent again',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      mes.lie(0.3);
      const page = Array.from({ length: 60 }, (_, id) => change(record('cell', `c${id}`)));
      const { outcomes, failure } = await pusher.push([...jobs(60), ...page], { lookup }, signal);
      expect(failure).toBeUndefined();
      expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(120);
      expect(mes.counts()).toMatchObject({ jobs: 60, cells: 60 });
    },
  );

  it('is not believed for updates either once it has lied: each goes out with an answer of its own', async () => {
    const { mes, pusher } = await startMes({ generation: 'repaired' });
    const cells = (name: string, ids?: Map<string, string | null>) =>
      Array.from({ length: 20 }, (_, id) => {
        const fields = { name: `${name} ${id}`, active: true };
        const known = ids === undefined ? undefined : { mesId: ids.get(`cell/${id}`) ?? null };
        return change(record('cell', String(id), { fields }), known);
      });
    const ids = idsOf((await pusher.push(cells('Old'), { lookup }, signal)).outcomes);
    mes.lie(1);
    const { outcomes } = await pusher.push(cells('New', ids), { lookup }, signal);
    expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(20);
    for (const [, { fields }] of mes.image().cells) expect(fields['name']).toMatch(/^New /);
    const before = mes.requests().byPath['POST /functions/v1/api-cells/bulk-sync'];
    await pusher.push(cells('Newer', ids), { lookup }, signal);
    expect(mes.requests().byPath['POST /functions/v1/api-cells/bulk-sync']).toBe(before);
    for (const [, { fields }] of mes.image().cells) expect(fields['name']).toMatch(/^Newer /);
  });

  it('keeps a record that the database refuses from counting as delivered', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push([change(record('job', 'first', { fields: { job_number: 'J-7' } }))], { lookup }, signal);
    const page = jobs(10);
    const { outcomes } = await pusher.push(page, { lookup }, signal);
    expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(9);
    const [refused] = told(outcomes).filter((text) => text.startsWith('job/7 refused'));
    expect(refused).toContain('jobs_tenant_id_job_number_key');
    expect(mes.counts().jobs).toBe(10);
  });
});

describe('erp-sync', () => {
  it('delivers parts whose own function does not start, with their ids', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    const parts = Array.from({ length: 250 }, (_, id) => change(record('part', `p${id}`, { parents: { job: '0' } })));
    const { outcomes, failure } = await pusher.push([...jobs(1), ...parts], { lookup }, signal);
    expect(failure).toBeUndefined();
    expect(mes.counts().parts).toBe(250);
    expect(outcomes.every((outcome) => outcome.kind === 'delivered' && outcome.mesId !== null)).toBe(true);
    expect(mes.requests().byPath['POST /functions/v1/api-erp-sync/sync']).toBe(1 + 3);
  });

  it('keeps ids within the length that its look-up bears', async () => {
    const { pusher } = await startMes({ generation: 'main' });
    const id = (n: number) => `${'Ü'.repeat(30)}${n}`;
    const parts = (rest: object) =>
      Array.from({ length: 100 }, (_, n) =>
        change(
          record('part', id(n), { parents: { job: '0' }, fields: { part_number: `P${n}`, material: 'S', ...rest } }),
        ),
      );
    await pusher.push([...jobs(1), ...parts({ quantity: 1 })], { lookup }, signal);
    const known = ledger({ 'job/0': entry({ businessKey: 'J-0' }) });
    const { outcomes } = await pusher.push(parts({ quantity: 2 }), { lookup: known.lookup }, signal);
    expect(told(outcomes).filter((text) => text.endsWith('updated'))).toHaveLength(100);
  });

  it.each([1, 3, 40])('delivers all good ones of 100 new parts with %i bad among them', async (bad) => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push([...jobs(1), change(record('part', 'x', { parents: { job: '0' } }))], { lookup }, signal);
    const parts = Array.from({ length: 100 }, (_, n) => {
      const number = n < bad ? 'P-x' : `P-${n}`;
      return change(record('part', `p${n}`, { parents: { job: '0' }, fields: { part_number: number, material: 'S' } }));
    });
    const known = ledger({ 'job/0': entry({ businessKey: 'J-0' }) });
    const { outcomes } = await pusher.push(parts, { lookup: known.lookup }, signal);
    expect(outcomes.filter(({ kind }) => kind === 'delivered')).toHaveLength(100 - bad);
    expect(told(outcomes).filter((text) => text.includes('parts_tenant_id_part_number_key'))).toHaveLength(bad);
    expect(mes.counts().parts).toBe(1 + 100 - bad);
  });

  it.each(['main', 'v060', 'repaired'] as const)(
    'delivers a cancelled part that is there already from a create of unknown outcome, on hold where %s can',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      const part = record('part', 'p', { parents: { job: '0' } });
      await pusher.push([...jobs(1), change(part)], { lookup }, signal);
      const known = ledger({ 'job/0': entry({ businessKey: 'J-0' }) });
      const { outcomes } = await pusher.push(
        [change({ ...part, lifecycle: 'cancelled' })],
        { lookup: known.lookup },
        signal,
      );
      expect(told(outcomes)).toEqual(['part/p updated']);
      expect(mes.image().parts.get('p')?.onHold === true).toBe(generation !== 'main');
      expect(mes.image().parts.get('p')?.fields['notes']).toBe('Cancelled in SAP.');
    },
  );
});

describe('create by POST, change by PATCH', () => {
  const world = [
    change(record('cell', 'c')),
    ...jobs(1),
    change(record('part', 'p', { parents: { job: '0' } })),
    change(record('operation', 'o', { parents: { part: 'p', cell: 'c' } })),
  ];

  it('never makes a second row when the answer is lost: the same content is known to be there', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    const { outcomes: first } = await pusher.push(world.slice(0, 3), { lookup }, signal);
    const known = ledger({
      'cell/c': entry({ mesId: idsOf(first).get('cell/c') ?? null, businessKey: 'Cell c' }),
      'part/p': entry({ mesId: idsOf(first).get('part/p') ?? null, businessKey: 'P-p' }),
    });
    mes.setFaults({ truncate: 1 });
    const lost = await pusher.push(world.slice(3), { lookup: known.lookup }, signal);
    expect(lost.outcomes).toEqual([]);
    mes.setFaults({});
    const { outcomes } = await pusher.push(world.slice(3), { lookup: known.lookup }, signal);
    expect(told(outcomes)).toEqual(['operation/o created']);
    expect(mes.counts().operations).toBe(1);
    const later = change(
      record('operation', 'o', { parents: { part: 'p', cell: 'c' }, fields: { operation_name: 'Bend', sequence: 10 } }),
      {},
    );
    const refused = told((await pusher.push([later], { lookup: known.lookup }, signal)).outcomes);
    expect(refused[0]).toMatch(/^operation\/o refused: .*answer was lost.*tells its id nowhere/);
    // What was tried last is not what is there.
    const again = told((await pusher.push([later], { lookup: known.lookup }, signal)).outcomes);
    expect(again).toEqual(refused);
    mes.setFaults({ truncate: 1 });
    await pusher.push([later], { lookup: known.lookup }, signal);
    mes.setFaults({});
    expect(told((await pusher.push([later], { lookup: known.lookup }, signal)).outcomes)).toEqual(refused);
  });

  it('never takes a row of unknown content for its own, however often it is tried', async () => {
    const { mes, pusher, transport } = await startMes({ generation: 'main' });
    const { outcomes: first } = await pusher.push(world, { lookup }, signal);
    const known = ledger({
      'cell/c': entry({ mesId: idsOf(first).get('cell/c') ?? null, businessKey: 'Cell c' }),
      'part/p': entry({ mesId: idsOf(first).get('part/p') ?? null, businessKey: 'P-p' }),
    });
    // Another installation of ours: it has no notes of the create.
    const sink = createEryxonSink(`${mes.url}/functions/v1/`);
    const openTransport = () => ({ requests: () => 0, request: transport.request });
    const forgetful = createPusher({ sink, openTransport, batchSize: 100, maxConcurrency: 1 });
    for (let tries = 0; tries < 2; tries += 1) {
      const { outcomes } = await forgetful.push(world.slice(3), { lookup: known.lookup }, signal);
      expect(told(outcomes)[0]).toMatch(/^operation\/o refused: .*tells its id nowhere/);
    }
  });

  it('finds the ids of parents that the ledger lost by number and name', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push(world.slice(0, 3), { lookup }, signal);
    const known = ledger({
      'cell/c': entry({ businessKey: 'Cell c' }),
      'part/p': entry({ businessKey: 'P-p' }),
    });
    const { outcomes } = await pusher.push(world.slice(3), { lookup: known.lookup }, signal);
    expect(told(outcomes)).toEqual(['operation/o created']);
    expect(mes.counts().operations).toBe(1);
  });

  it.each(['classic', 'v060', 'main', 'repaired'] as const)(
    'makes a cell that was deleted by hand (%s) anew',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      const { outcomes } = await pusher.push(world.slice(0, 1), { lookup }, signal);
      mes.remove('cells', 'c');
      const again = change(record('cell', 'c', { fields: { name: 'New', active: true } }), {
        mesId: idsOf(outcomes).get('cell/c') ?? null,
      });
      expect(told((await pusher.push([again], { lookup }, signal)).outcomes)).toEqual(['cell/c created']);
      expect(mes.counts().cells).toBe(1);
    },
  );

  it('makes a cancelled job that was deleted by hand anew, on hold', async () => {
    const { mes, pusher } = await startMes({ generation: 'classic' });
    const cancelled = record('job', 'j', { lifecycle: 'cancelled' });
    const { outcomes } = await pusher.push([change(cancelled)], { lookup }, signal);
    mes.remove('jobs', 'j');
    const mesId = idsOf(outcomes).get('job/j') ?? null;
    const again = change(cancelled, { hash: 'of older content', mesId, lifecycle: 'cancelled' });
    expect(told((await pusher.push([again], { lookup }, signal)).outcomes)).toEqual(['job/j created']);
    expect(mes.statusOf('jobs', 'j')).toBe('on_hold');
  });

  it('makes it anew on hold although the answer to its create was lost: the MES names another row than before', async () => {
    const { mes, pusher } = await startMes({ generation: 'classic' });
    const cancelled = record('job', 'j', { lifecycle: 'cancelled' });
    const { outcomes } = await pusher.push([change(cancelled)], { lookup }, signal);
    mes.remove('jobs', 'j');
    const mesId = idsOf(outcomes).get('job/j') ?? null;
    const again = change(cancelled, { hash: 'of older content', mesId, lifecycle: 'cancelled' });
    mes.setFaults({ truncate: 1 });
    expect((await pusher.push([again], { lookup }, signal)).outcomes).toEqual([]);
    mes.setFaults({});
    expect(mes.statusOf('jobs', 'j')).toBe('not_started');
    expect(told((await pusher.push([again], { lookup }, signal)).outcomes)).toEqual(['job/j created']);
    expect(mes.statusOf('jobs', 'j')).toBe('on_hold');
  });

  it('takes over a resource that the ledger forgot', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push([change(record('resource', 'r'))], { lookup }, signal);
    const renamed = change(record('resource', 'r', { fields: { name: 'Other', type: 'equipment', active: true } }));
    expect(told((await pusher.push([renamed], { lookup }, signal)).outcomes)).toEqual(['resource/r updated']);
    expect(mes.image().resources.get('r')?.fields['name']).toBe('Other');
  });

  it('names the dead row that is in the way of a deleted operation', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    const { outcomes } = await pusher.push(world, { lookup }, signal);
    mes.remove('operations', 'o');
    const ids = idsOf(outcomes);
    const known = ledger({
      'cell/c': entry({ mesId: ids.get('cell/c') ?? null }),
      'part/p': entry({ mesId: ids.get('part/p') ?? null }),
    });
    const again = change(record('operation', 'o', { parents: { part: 'p', cell: 'c' } }), {
      mesId: ids.get('operation/o') ?? null,
    });
    const [text] = told((await pusher.push([{ ...again, hash: 'other' }], { lookup: known.lookup }, signal)).outcomes);
    expect(text).toContain('idx_operations_external_sync');
  });
});

describe('a kind of record that the MES takes in no way', () => {
  it('waits for the MES, and keeps no other from its way', async () => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    mes.refuse((table) =>
      table === 'parts' ? "Could not find the 'sync_hash' column of 'parts' in the schema cache" : undefined,
    );
    const page = [...jobs(1), change(record('part', 'p', { parents: { job: '0' } })), change(record('cell', 'c'))];
    const { outcomes, failure } = await pusher.push(page, { lookup }, signal);
    expect(failure).toBeUndefined();
    expect(told(outcomes)).toEqual(['cell/c created', 'job/0 created', 'part/p waits for part/p']);
  });
});

describe('values that the database would refuse', () => {
  it.each([
    [{ job_number: 'J-0', due_date: '2026-02-30' }, 'is not a day of the calendar'],
    [{ job_number: 'J-0', due_date: '' }, 'is not a date'],
    [{ job_number: '' }, 'is empty'],
    [{ job_number: 'J-0', notes: 'a\u0000b' }, 'NUL'],
  ])('%j are named without a request', async (fields, reason) => {
    const { mes, pusher } = await startMes({ generation: 'main' });
    await pusher.push(jobs(1), { lookup }, signal);
    const before = mes.requests().total;
    const [text] = told((await pusher.push([change(record('job', 'x', { fields }))], { lookup }, signal)).outcomes);
    expect(text).toContain(reason);
    expect(mes.requests().total).toBe(before);
  });
});

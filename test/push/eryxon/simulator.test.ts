import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import type { LedgerEntry, MesRecord } from '../../../src/core/types.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { change, entry, ledger, record, told } from '../../support/push-builders.ts';

const signal = new AbortController().signal;
const { lookup } = ledger();

const world: MesRecord[] = [
  record('operation', 'o', { parents: { part: 'p', cell: 'c' } }),
  record('part', 'p', { parents: { job: 'j' } }),
  record('job', 'j'),
  record('resource', 'r'),
  record('cell', 'c'),
];

describe('a push to the simulated MES', () => {
  it('makes it hold what the page says, parents tied', async () => {
    const { mes, pusher } = await startMes();
    const { outcomes, failure } = await pusher.push(
      world.map((each) => change(each)),
      { lookup },
      signal,
    );
    expect(failure).toBeUndefined();
    expect(outcomes.every((outcome) => outcome.kind === 'delivered' && outcome.mesId !== null)).toBe(true);
    expect(mes.counts()).toEqual({ cells: 1, resources: 1, jobs: 1, parts: 1, operations: 1 });
    expect(mes.image().operations.get('o')?.fields).toMatchObject({
      part_external_id: 'p',
      cell_name: 'Cell c',
      operation_name: 'Cut o',
      estimated_time_minutes: 5,
    });
  });

  it('needs one request an entity, for one record or a hundred', async () => {
    const { mes, pusher } = await startMes();
    const page = Array.from({ length: 100 }, (_, id) => change(record('job', String(id))));
    expect((await pusher.push(page, { lookup }, signal)).requests).toBe(1);
    expect(mes.counts().jobs).toBe(100);
  });

  it.each([1, 10, 500])('delivers all good ones of 1000 records with %i bad, in ten requests', async (bad) => {
    const { mes, pusher } = await startMes();
    const every = 1000 / bad;
    mes.refuse((_table, body) => (Number(body['external_id']) % every === 0 ? 'priority is out of range' : undefined));
    const page = Array.from({ length: 1000 }, (_, id) => change(record('job', String(id))));
    const { outcomes, requests } = await pusher.push(page, { lookup }, signal);
    expect(mes.counts().jobs).toBe(1000 - bad);
    expect(outcomes.filter(({ kind }) => kind === 'refused')).toHaveLength(bad);
    expect(requests).toBe(10);
  });

  it('puts no more cells into a request than the installation takes, and up to 1000 of others', async () => {
    const { mes, pusher } = await startMes({ released: true, batchSize: 1000 });
    const page = (entity: 'cell' | 'job', from: number) =>
      Array.from({ length: 1000 }, (_, id) => change(record(entity, String(from + id))));
    for (let each = 0; each < 9; each += 1) await pusher.push(page('job', each * 1000), { lookup }, signal);
    expect((await pusher.push(page('job', 9000), { lookup }, signal)).requests).toBe(1);
    expect((await pusher.push(page('cell', 0), { lookup }, signal)).requests).toBe(10);
    expect(mes.counts()).toMatchObject({ jobs: 10_000, cells: 1000 });
  });

  it('parks what the MES says has no parent, though the ledger knows one', async () => {
    const { pusher } = await startMes();
    const known = ledger({ 'job/j': entry() });
    const page = [change(record('part', 'p', { parents: { job: 'j' } }))];
    expect(told((await pusher.push(page, { lookup: known.lookup }, signal)).outcomes)).toEqual([
      'part/p waits for job/j',
    ]);
  });

  it('is the same twice: the MES ends with one row', async () => {
    const { mes, pusher } = await startMes();
    const page = world.map((each) => change(each));
    await pusher.push(page, { lookup }, signal);
    const { outcomes } = await pusher.push(page, { lookup }, signal);
    expect(outcomes.every((outcome) => outcome.kind === 'delivered' && outcome.action === 'updated')).toBe(true);
    expect(mes.counts()).toEqual({ cells: 1, resources: 1, jobs: 1, parts: 1, operations: 1 });
  });
});

describe.each([false, true])('progress on the shop floor (v0.1.0 as it was released: %s)', (released) => {
  /** Pushes a version of a job over what was delivered before. */
  async function shopFloor() {
    const { mes, pusher } = await startMes({ released });
    const push = async (rest: Partial<MesRecord>, known?: Partial<LedgerEntry>) => {
      const { failure } = await pusher.push([change(record('job', 'j', rest), known)], { lookup }, signal);
      expect(failure).toBeUndefined();
    };
    await push({});
    mes.touch('jobs', 'j', 'in_progress');
    return { mes, push };
  }

  it('survives every update', async () => {
    const { mes, push } = await shopFloor();
    await push({ fields: { job_number: 'J-j', customer: 'New' } }, {});
    await push({ lifecycle: 'closed' }, {});
    expect(mes.statusOf('jobs', 'j')).toBe('in_progress');
  });

  it('is not undone by a return from cancelled: the hold stays until somebody releases it', async () => {
    const { mes, push } = await shopFloor();
    await push({ lifecycle: 'cancelled' }, {});
    expect(mes.statusOf('jobs', 'j')).toBe('on_hold');
    expect(mes.image().jobs.get('j')?.fields['notes']).toBe('Cancelled in SAP.');
    const before = mes.statusOf('jobs', 'j');
    await push({}, { lifecycle: 'cancelled' });
    expect(mes.statusOf('jobs', 'j')).toBe(before);
    mes.touch('jobs', 'j', 'completed');
    await push({ fields: { job_number: 'J-j', customer: 'Newer' } }, {});
    expect(mes.statusOf('jobs', 'j')).toBe('completed');
  });
});

describe('faults of the MES', () => {
  const page = [change(record('job', 'j'))];

  it.each([
    ['an HTML page with status 200', { html: 1 }],
    ['JSON cut in the middle with status 200', { truncate: 1 }],
    ['resets', { reset: 1 }],
    ['gateway errors', { serverError: 1 }],
    ['429', { tooManyRequests: 1 }],
  ])('(%s) are never counted as success, and the record gets through once they are over', async (_what, faults) => {
    const { mes, pusher } = await startMes();
    mes.setFaults(faults);
    for (let each = 0; each < 5; each += 1) {
      const { outcomes, failure } = await pusher.push(page, { lookup }, signal);
      expect(outcomes).toEqual([]);
      expect(failure).toBeInstanceOf(TransientError);
    }
    mes.setFaults({});
    const { outcomes } = await pusher.push(page, { lookup }, signal);
    expect(outcomes).toHaveLength(1);
    expect(mes.counts().jobs).toBe(1);
  });

  it.each([
    ['unknown', `ery_test_${'0'.repeat(32)}`],
    ['of another form', 'sk-1234'],
  ])('do not include a key that is %s: that is told as such, with status 500 too', async (_what, key) => {
    const { pusher } = await startMes({ key });
    const { failure, outcomes } = await pusher.push(page, { lookup }, signal);
    expect(outcomes).toEqual([]);
    expect(failure).toBeInstanceOf(PermanentError);
    expect((failure as PermanentError).credentials).toBe(true);
  });

  it('do not include a used up day: the wait that it asks for is told', async () => {
    const now = () => new Date('2026-03-01T08:00:00Z');
    const { pusher } = await startMes({ dailyLimit: 1, now });
    await pusher.push(page, { lookup }, signal);
    const { failure } = await pusher.push(page, { lookup }, signal);
    expect((failure as TransientError).retryAfterMs).toBe(86_400_000);
  });
});

describe('the check of the MES', () => {
  it('finds every endpoint in order and writes nothing', async () => {
    const { mes, sink, transport } = await startMes();
    const findings = await sink.check(transport);
    const names = ['cells', 'resources', 'jobs', 'parts', 'operations'];
    expect(findings.map(({ code, where }) => `${where} ${code}`)).toEqual([
      ...names.map((table) => `mes api-${table} mes-reachable`),
      ...names.map((table) => `mes ${table} mes-way`),
    ]);
    expect(mes.requests().byPath).toEqual(
      Object.fromEntries(
        ['cells', 'resources', 'jobs', 'parts', 'operations'].map((table) => [`GET /functions/v1/api-${table}`, 1]),
      ),
    );
  });

  it('warns of a list that never works, as that of operations in v0.1.0, and of nothing else', async () => {
    const { sink, transport } = await startMes({ released: true });
    const findings = await sink.check(transport);
    expect(findings.map(({ code }) => code)).toEqual([
      ...Array(4).fill('mes-reachable'),
      'mes-endpoint-faulty',
      ...Array(5).fill('mes-way'),
    ]);
  });

  it('tells refused credentials from a MES that cannot be reached', async () => {
    const refused = await startMes({ key: 'wrong' });
    const [first] = await refused.sink.check(refused.transport);
    expect(first).toMatchObject({ code: 'mes-credentials-refused', level: 'error' });
    await refused.mes.stop();
    const [second] = await refused.sink.check(refused.transport);
    expect(second).toMatchObject({ code: 'mes-unreachable', level: 'error' });
  });

  it('names every endpoint that does not exist', async () => {
    const { mes, transport } = await startMes();
    const findings = await createEryxonSink(`${mes.url}/functions/v2`).check(transport);
    expect(findings.map(({ code }) => code)).toEqual(Array(5).fill('mes-endpoint-missing'));
  });
});

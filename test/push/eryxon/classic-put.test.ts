import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { PermanentError, TransientError } from '../../../src/core/errors.ts';
import type { HttpResponse } from '../../../src/core/http.ts';
import type { Entity } from '../../../src/core/types.ts';
import { deliverSingly } from '../../../src/push/eryxon/classic-put.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { forgetfulNotes } from '../../../src/push/eryxon/notes.ts';
import { createSession } from '../../../src/push/eryxon/session.ts';
import type { ReadyChange, Transport } from '../../../src/push/sink.ts';
import { answered, batchOf, classicMes, scripted, startMes } from '../../support/eryxon-mes.ts';
import { change, ledger, ready, record, told } from '../../support/push-builders.ts';

const base = '/functions/v1';
const job = (id: string) => ready(record('job', id));
const missing = answered(404, '{"code":"NOT_FOUND","message":"Requested function was not found"}');
const signal = new AbortController().signal;

function callOf(entity: Entity, transport: Transport) {
  const session = createSession({ notes: forgetfulNotes(), clock: systemClock, sampleUpdates: 0 });
  return { base, entity, transport, session };
}

function put(of: ReadyChange, ...answers: HttpResponse[]) {
  return deliverSingly(callOf(of.record.entity, scripted(...answers)), [of]);
}

function row(action: string, singular: string) {
  return answered(action === 'created' ? 201 : 200, {
    success: true,
    data: { action, [singular]: { id: 'ee56c568-84ca-436d-abb2-b644f8dcc411', status: 'not_started' } },
  });
}

describe('a single sync', () => {
  it('is one PUT a record, one after the other, with the record itself as body', async () => {
    const transport = scripted(row('created', 'job'), row('updated', 'job'));
    const results = await deliverSingly(callOf('job', transport), [job('1'), job('2')]);
    expect(transport.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'PUT /functions/v1/api-jobs/sync',
      'PUT /functions/v1/api-jobs/sync',
    ]);
    expect(transport.requests[0]?.body).toBe(
      '{"external_id":"1","external_source":"SAP","job_number":"J-1","customer":"Acme"}',
    );
    expect(results.map((result) => result.kind === 'delivered' && result.action)).toEqual(['created', 'updated']);
  });

  it.each(['cell', 'resource', 'job', 'part', 'operation'] as const)(
    'takes the id of a %s from the row',
    async (entity) => {
      expect(await put(ready(record(entity, '1')), row('created', entity))).toEqual([
        { kind: 'delivered', action: 'created', mesId: 'ee56c568-84ca-436d-abb2-b644f8dcc411' },
      ]);
    },
  );

  it('takes the id from the documented short answer too', async () => {
    const answer = answered(200, { success: true, data: { action: 'updated', id: 'u', external_id: '1' } });
    expect(await put(job('1'), answer)).toEqual([{ kind: 'delivered', action: 'updated', mesId: 'u' }]);
  });

  const parents = { job: 'j', part: 'p', cell: 'c' };
  it.each([
    ['job_id or job_external_id is required', { entity: 'job', externalId: 'j' }],
    ['part_id or part_external_id is required', { entity: 'part', externalId: 'p' }],
    ['cell_id or cell_name is required', { entity: 'cell', externalId: 'c' }],
  ])('answered "%s" waits for that parent', async (message, waitsFor) => {
    const answer = answered(400, { success: false, error: { code: 'BAD_REQUEST', message, statusCode: 400 } });
    expect(await put(ready(record('operation', '1', { parents })), answer)).toEqual([{ kind: 'waiting', waitsFor }]);
  });

  it.each([
    [400, 'job_number is required'],
    [422, 'Validation failed'],
    [500, 'Failed to update job: date/time field value out of range: "31-12-2026"'],
  ])('answered HTTP %i %s is refused with that reason', async (status, message) => {
    const answer = answered(status, { success: false, error: { code: 'X', message, statusCode: status } });
    expect(await put(job('1'), answer)).toEqual([{ kind: 'refused', reason: message }]);
  });

  it('refused for a number that another record has says what helps', async () => {
    const message =
      'Failed to create job: duplicate key value violates unique constraint "jobs_tenant_id_job_number_key"';
    const answer = answered(500, { success: false, error: { code: 'X', message, statusCode: 500 } });
    const reason = expect.stringMatching(/"J-1" already \(jobs_tenant_id_job_number_key\)\. .*numberPrefix/);
    expect(await put(job('1'), answer)).toEqual([{ kind: 'refused', reason }]);
  });

  it.each([
    ['an HTML page', '<html>'],
    ['nothing', ''],
    ['JSON that is broken off', '{"success":true,"data":{"action":"created","job":{"id":"ee'],
    ['no action', { success: true, data: { job: { id: 'u' } } }],
    ['another action', { success: true, data: { action: 'accepted' } }],
  ])('answered 200 with %s is no success', async (_what, body) => {
    await expect(put(job('1'), answered(200, body))).rejects.toBeInstanceOf(TransientError);
  });
});

describe('the way of delivering', () => {
  const sync = { success: true, data: { action: 'created', id: 'u' } };
  const bulk = { success: true, data: { results: [{ external_id: '1', action: 'created' }] } };

  it.each([404, 405])(
    'becomes single syncs when bulk-sync answers %i, and stays so for that entity',
    async (status) => {
      const transport = scripted(
        answered(status, '{"message":"text"}'),
        answered(201, sync),
        answered(201, sync),
        answered(200, bulk),
      );
      const sink = createEryxonSink('https://mes.example/functions/v1', classicMes());
      await sink.deliver(batchOf(job('1')), transport);
      await sink.deliver(batchOf(job('1')), transport);
      await sink.deliver(batchOf(ready(record('part', '1'))), transport);
      expect(transport.requests.map(({ method, path }) => `${method} ${path.replace(base, '')}`)).toEqual([
        'POST /api-jobs/bulk-sync',
        'PUT /api-jobs/sync',
        'PUT /api-jobs/sync',
        'POST /api-parts/bulk-sync',
      ]);
    },
  );

  it('is a mistake of the config when there is neither', async () => {
    const delivery = createEryxonSink('https://mes.example/x', classicMes('bulk', 'https://mes.example/x')).deliver(
      batchOf(job('1')),
      scripted(missing, missing),
    );
    await expect(delivery).rejects.toBeInstanceOf(PermanentError);
    await expect(delivery).rejects.toThrow('mes.url');
  });
});

describe('an installation without bulk-sync', () => {
  it('gets everything by single syncs', async () => {
    const { mes, pusher } = await startMes({ bulk: false });
    const page = [1, 2, 3].map((id) => change(record('job', String(id))));
    const { outcomes, requests } = await pusher.push(page, { lookup: ledger().lookup }, signal);
    expect(told(outcomes)).toEqual(['job/1 created', 'job/2 created', 'job/3 created']);
    expect(requests).toBe(4);
    expect(mes.counts().jobs).toBe(3);
  });

  it('gets on day by day when a batch is larger than the day budget: nothing is sent twice', async () => {
    let now = new Date('2026-03-01T08:00:00Z');
    const { mes, pusher } = await startMes({ bulk: false, dailyLimit: 10, now: () => now });
    let left = Array.from({ length: 25 }, (_, id) => change(record('job', String(id))));
    for (let day = 0; day < 3; day += 1) {
      const { outcomes } = await pusher.push(left, { lookup: ledger().lookup }, signal);
      const done = new Set(outcomes.map((outcome) => outcome.change.record.externalId));
      left = left.filter(({ record: { externalId } }) => !done.has(externalId));
      now = new Date(now.getTime() + 86_400_000);
    }
    expect(left).toEqual([]);
    expect(Array.from({ length: 25 }, (_, id) => mes.writes('jobs', String(id)))).toEqual(Array(25).fill(1));
  });
});

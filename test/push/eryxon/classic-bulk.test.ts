import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../src/core/errors.ts';
import type { HttpResponse } from '../../../src/core/http.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { BatchRefusedError } from '../../../src/push/sink.ts';
import { answered, batchOf, classicMes, scripted } from '../../support/eryxon-mes.ts';
import { ready, record } from '../../support/push-builders.ts';

const base = 'https://mes.example/functions/v1';
const jobs = (...ids: [string, ...string[]]) =>
  batchOf(...(ids.map((id) => ready(record('job', id))) as [ReturnType<typeof ready>]));
const part = (id: string, job: string) => ready(record('part', id, { parents: { job } }));
const operation = (id: string, partId: string, cell: string) =>
  ready(record('operation', id, { parents: { part: partId, cell } }));
const updated = { kind: 'delivered', action: 'updated' };
const created = { kind: 'delivered', action: 'created' };

function deliver(batch: ReturnType<typeof batchOf>, ...answers: HttpResponse[]) {
  return createEryxonSink(base, classicMes()).deliver(batch, scripted(...answers));
}

function results(list: readonly unknown[]) {
  return answered(200, {
    success: true,
    data: { total: list.length, created: 0, updated: 0, errors: 0, results: list },
  });
}

describe('a bulk request', () => {
  it('is one POST of all records under the name of the table, also for a single one', async () => {
    const transport = scripted(results([{ external_id: '1', id: 'u', action: 'created' }]));
    const batch = jobs('1');
    await createEryxonSink(`${base}/`, classicMes()).deliver(batch, transport);
    expect(transport.requests).toEqual([
      {
        method: 'POST',
        path: '/functions/v1/api-jobs/bulk-sync',
        headers: { 'Content-Type': 'application/json' },
        body: '{"jobs":[{"external_id":"1","external_source":"SAP","job_number":"J-1","customer":"Acme"}]}',
        carries: batch.changes,
      },
    ]);
  });
});

describe('a name or number that another record has', () => {
  it.each([
    ['resource', 'resources_tenant_id_name_key', 'map fields.name of the stream'],
    ['job', 'jobs_tenant_id_job_number_key', 'set numberPrefix'],
  ] as const)('of a %s comes with the advice that helps there', async (entity, constraint, advice) => {
    const error = `duplicate key value violates unique constraint "${constraint}"`;
    const answer = results([{ external_id: '1', action: 'error', error }]);
    const [result] = await deliver(batchOf(ready(record(entity, '1'))), answer);
    const reason = (result as { reason: string }).reason;
    expect(reason).toContain(constraint);
    for (const each of ['map fields.name of the stream', 'set numberPrefix']) {
      expect([each, reason.includes(each)]).toEqual([each, each === advice]);
    }
  });
});

describe('the recorded bulk answers', () => {
  it('of cells name what was created; the record without an id is told by its place', async () => {
    const text =
      '{"success":true,"data":{"total":2,"created":1,"updated":0,"errors":1,"results":[{"external_id":"c010-WC2","id":"d810957c-99fe-40e6-b446-d122729adf45","action":"created"},{"action":"error","error":"external_id and external_source are required"}]}}';
    const batch = batchOf(ready(record('cell', 'c010-WC2')), ready(record('cell', '')));
    expect(await deliver(batch, answered(200, text))).toEqual([
      { ...created, mesId: 'd810957c-99fe-40e6-b446-d122729adf45' },
      { kind: 'refused', reason: 'external_id and external_source are required' },
    ]);
  });

  it('of jobs name each refusal with the reason of the database', async () => {
    const text =
      '{"success":true,"data":{"total":6,"created":1,"updated":1,"errors":4,"results":[{"external_id":"c010-1","id":"ee56c568-84ca-436d-abb2-b644f8dcc411","action":"updated"},{"external_id":"c010-2","id":"4d17df3d-0672-4bd7-86ad-af0016302e96","action":"created"},{"external_id":"c010-3","action":"error","error":"duplicate key value violates unique constraint \\"jobs_tenant_id_job_number_key\\""},{"external_id":"c010-4","action":"error","error":"date/time field value out of range: \\"31-12-2026\\""},{"external_id":"c010-5","action":"error","error":"job_number is required"},{"action":"error","error":"external_id and external_source are required"}]}}';
    expect(await deliver(jobs('c010-1', 'c010-2', 'c010-3', 'c010-4', 'c010-5', ''), answered(200, text))).toEqual([
      { ...updated, mesId: 'ee56c568-84ca-436d-abb2-b644f8dcc411' },
      { ...created, mesId: '4d17df3d-0672-4bd7-86ad-af0016302e96' },
      { kind: 'refused', reason: expect.stringContaining('(jobs_tenant_id_job_number_key). Rename') },
      { kind: 'refused', reason: 'date/time field value out of range: "31-12-2026"' },
      { kind: 'refused', reason: 'job_number is required' },
      { kind: 'refused', reason: 'external_id and external_source are required' },
    ]);
  });

  it('of parts say which job is missing', async () => {
    const text =
      '{"success":true,"data":{"total":2,"created":0,"updated":1,"errors":1,"results":[{"external_id":"c010-P2","id":"263ecd42-55a0-4c66-90da-3e51fb78aa5e","action":"updated"},{"external_id":"c010-P4","action":"error","error":"job_id or valid job_external_id is required"}]}}';
    expect(await deliver(batchOf(part('c010-P2', 'c010-1'), part('c010-P4', 'ghost')), answered(200, text))).toEqual([
      { ...updated, mesId: '263ecd42-55a0-4c66-90da-3e51fb78aa5e' },
      { kind: 'waiting', waitsFor: { entity: 'job', externalId: 'ghost' } },
    ]);
  });

  it('of operations say which part or cell is missing, the cell by its external id', async () => {
    const text =
      '{"success":true,"data":{"total":4,"created":1,"updated":1,"errors":2,"results":[{"external_id":"c010-O1","id":"29ed2756-9865-4510-b467-385350600ea1","action":"updated"},{"external_id":"c010-O3","id":"d4039884-fb45-48a4-a0f4-ee3a6513bfe0","action":"created"},{"external_id":"c010-O4","action":"error","error":"part_id or valid part_external_id is required"},{"external_id":"c010-O5","action":"error","error":"cell_id or valid cell_name is required"}]}}';
    const batch = batchOf(
      operation('c010-O1', 'c010-P2', 'cut'),
      operation('c010-O3', 'c010-P2', 'bend'),
      operation('c010-O4', 'ghost', 'bend'),
      operation('c010-O5', 'c010-P2', 'nope'),
    );
    expect((await deliver(batch, answered(200, text))).slice(2)).toEqual([
      { kind: 'waiting', waitsFor: { entity: 'part', externalId: 'ghost' } },
      { kind: 'waiting', waitsFor: { entity: 'cell', externalId: 'nope' } },
    ]);
  });
});

describe('a list of results', () => {
  it('in another order is matched by external id, missing parents too', async () => {
    const missing = 'job_id or valid job_external_id is required';
    const list = [
      { external_id: '3', action: 'error', error: missing },
      { external_id: '2', action: 'error', error: 'bad date' },
      { external_id: '1', id: 'u1', action: 'created' },
    ];
    expect(await deliver(batchOf(part('1', 'a'), part('2', 'b'), part('3', 'c')), results(list))).toEqual([
      { ...created, mesId: 'u1' },
      { kind: 'refused', reason: 'bad date' },
      { kind: 'waiting', waitsFor: { entity: 'job', externalId: 'c' } },
    ]);
  });

  it('without ids is matched by place when it is complete', async () => {
    const list = [{ action: 'created' }, { action: 'error', error: 'bad date' }];
    expect(await deliver(jobs('1', '2'), results(list))).toEqual([
      { ...created, mesId: null },
      { kind: 'refused', reason: 'bad date' },
    ]);
  });

  it('without ids proves nothing when it is not complete', async () => {
    expect(await deliver(jobs('1', '2', '3'), results([{ action: 'created' }, { action: 'created' }]))).toEqual(
      Array.from({ length: 3 }, () => ({ kind: 'unproven' })),
    );
  });

  it('that names other records proves nothing of these, not by place either', async () => {
    const list = [
      { external_id: 'x', action: 'created' },
      { external_id: '2', action: 'updated' },
    ];
    expect(await deliver(jobs('1', '2'), results(list))).toEqual([{ kind: 'unproven' }, { ...updated, mesId: null }]);
  });

  it.each([
    ['an action that nobody knows', { external_id: '1', action: 'accepted' }],
    ['no action', { external_id: '1', id: 'u' }],
    ['null in place of a result', null],
    ['text in place of a result', 'created'],
  ])('with %s leaves that record open', async (_what, result) => {
    expect(await deliver(jobs('1'), results([result]))).toEqual([{ kind: 'unproven' }]);
  });

  it('keeps a record that lacks a parent it never had for refused, not waiting for ever', async () => {
    const list = [{ external_id: '1', action: 'error', error: 'cell_id or valid cell_name is required' }];
    expect(await deliver(jobs('1'), results(list))).toEqual([
      { kind: 'refused', reason: 'cell_id or valid cell_name is required' },
    ]);
  });
});

describe('an answer without results', () => {
  it.each([
    ['an HTML page', '<!DOCTYPE html><title>Logon</title>'],
    ['nothing', ''],
    [
      'JSON that is broken off',
      '{"success":true,"data":{"total":1,"created":1,"errors":0,"results":[{"external_id":"1","ac',
    ],
    ['a total only', { success: true, data: { total: 1 } }],
    ['a list', { success: true, data: [{ external_id: '1', action: 'created' }] }],
    ['another form', { success: true, data: { summary: { total_created: 1 }, entities: {} } }],
  ])('(%s) is never a success, whatever its status', async (_what, body) => {
    for (const status of [200, 201]) {
      await expect(deliver(jobs('1'), answered(status, body))).rejects.toBeInstanceOf(TransientError);
    }
  });

  it('but counters is never a success: what the MES can do is found out anew, and the record waits', async () => {
    const counters = { results: { created: 1, updated: 0, failed: 0, errors: [] }, total: 1 };
    const results = await deliver(jobs('1'), answered(200, { success: true, data: counters }));
    expect(results).toEqual([{ kind: 'unavailable', reason: expect.stringContaining('counters only') }]);
  });
});

describe('a batch refused as a whole', () => {
  it.each([
    [400, 'jobs must be an array'],
    [400, 'Maximum 1000 jobs per bulk-sync request'],
    [400, 'Method not allowed. Supported methods: GET, POST, PATCH, DELETE, PUT'],
    [409, 'CONFLICT'],
    [413, 'Payload too large'],
    [422, 'Validation failed'],
    [500, 'invalid input syntax for type integer: "2.5"'],
  ])('with HTTP %i %s is to be halved, and not sent by another way', async (status, message) => {
    const transport = scripted(answered(status, { success: false, error: { code: 'X', message } }));
    const delivery = createEryxonSink(base, classicMes()).deliver(jobs('1', '2'), transport);
    await expect(delivery).rejects.toBeInstanceOf(BatchRefusedError);
    await expect(delivery).rejects.toThrow(message);
    expect(transport.requests).toHaveLength(1);
  });
});

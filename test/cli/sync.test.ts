import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

const stampOrNull = expect.toSatisfy((value: unknown) => value === null || typeof value === 'string');
const resultShape = {
  connector: 'plant-1',
  stream: expect.any(String),
  outcome: expect.stringMatching(/^(ok|failed|refused)$/),
  ...Object.fromEntries(
    ['read', 'unchanged', 'created', 'updated', 'deleted', 'refused', 'parked', 'durationMs'].map((name) => [
      name,
      expect.any(Number),
    ]),
  ),
  requests: { erp: expect.any(Number), mes: expect.any(Number) },
  watermark: { before: stampOrNull, after: stampOrNull },
};

interface Answer {
  streams: { stream: string; outcome: string; error?: string; refused: number; [field: string]: unknown }[];
}

describe('sync', () => {
  let sandbox: Sandbox;
  let workspace: Workspace;
  const sync = async (...args: string[]) => {
    const { code, answer } = await workspace.json('sync', ...args);
    return { code, ...(answer as Answer) };
  };

  beforeAll(async () => {
    sandbox = await startSandbox({ seed: 11, records: 60 });
    workspace = createWorkspace(sandbox);
  });
  afterEach(() => {
    sandbox.mes.refuse(() => undefined);
    sandbox.setFaults('none');
  });
  afterAll(async () => {
    workspace.remove();
    await sandbox.stop();
  });

  it('delivers everything the first time, ends with 0 and tells it in the promised form', async () => {
    const { code, streams } = await sync();
    expect(code).toBe(0);
    expect(streams).toEqual(streams.map(() => resultShape));
    expect(streams.map(({ stream, outcome }) => `${stream} ${outcome}`)).toEqual([
      'work-centers ok',
      'equipment ok',
      'sales-orders ok',
      'production-orders ok',
      'operations ok',
    ]);
    expect(streams.every(({ watermark }) => (watermark as { before: unknown }).before === null)).toBe(true);
    expect(sandbox.compare().equal).toBe(true);
  });

  it('delivers nothing when nothing has changed', async () => {
    const before = sandbox.mes.requests().total;
    const { code, streams } = await sync();
    expect(code).toBe(0);
    expect(streams.map(({ created, updated, deleted }) => [created, updated, deleted])).toEqual(
      streams.map(() => [0, 0, 0]),
    );
    expect(sandbox.mes.requests().total).toBe(before);
  });

  it('prints a table for people, a line a stream', async () => {
    const { code, stdout } = await workspace.run('sync', 'plant-1/equipment', 'plant-1/work-centers');
    expect(code).toBe(0);
    expect(stdout.split('\n').map((line) => line.split(/\s+/, 2).join(' '))).toEqual([
      'stream outcome',
      'plant-1/work-centers ok',
      'plant-1/equipment ok',
      '',
    ]);
  });

  it('runs only what is selected, each once', async () => {
    const { streams } = await sync('plant-1/operations', 'plant-1/equipment', 'plant-1/operations');
    expect(streams.map(({ stream }) => stream)).toEqual(['equipment', 'operations']);
    expect((await sync('plant-1', 'plant-1/equipment')).streams).toHaveLength(5);
  });

  it('reads everything again with --full, and sends nothing that the MES holds', async () => {
    const { code, streams } = await sync('plant-1/sales-orders', '--full');
    expect(code).toBe(0);
    expect(streams).toMatchObject([{ created: 0, updated: 0, requests: { mes: 0 } }]);
    expect(streams[0]?.['read']).toBe(streams[0]?.['unchanged']);
    expect(streams[0]?.['read']).toBeGreaterThan(0);
  });

  it.each([
    ['an unknown connector', 'plant-2', 'There is no connector plant-2; there is plant-1.'],
    [
      'an unknown stream',
      'plant-1/operation',
      'Connector plant-1 has no stream operation; it has work-centers, equipment, sales-orders, production-orders, operations.',
    ],
    [
      'a connector without its stream',
      'plant-1/',
      'plant-1/ names no stream; write plant-1 for all, or one of work-centers, ',
    ],
    ['a stream without its connector', '/operations', '/operations names no connector; there is plant-1.'],
    [
      'something behind the stream',
      'plant-1/operations/0010',
      'plant-1/operations/0010 is neither CONNECTOR nor CONNECTOR/STREAM.',
    ],
  ])('ends with 64 for %s', async (_name, wanted, text) => {
    const { code, stdout, stderr } = await workspace.run('sync', wanted, '--json');
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' });
    expect(stderr).toContain(text);
  });

  it('makes no state for a name that there is not', async () => {
    const fresh = createWorkspace(sandbox);
    for (const wanted of ['plant-2', 'plant-1/operation']) expect((await fresh.run('sync', wanted)).code).toBe(64);
    expect(existsSync(fresh.stateDirectory)).toBe(false);
    fresh.remove();
  });

  it('ends with 78 before anything is read where the mapping reads what the ERP lacks, all of it at once', async () => {
    const fresh = createWorkspace(sandbox);
    const config = readFileSync(fresh.configFile, 'utf8')
      .replace('sales-orders: {', 'sales-orders: { when: \'SalesOrganisation = "1710"\',')
      .replace('equipment: {', 'equipment: { fields: { description: NoSuchProperty },');
    writeFileSync(fresh.configFile, config);
    const { code, stdout, stderr } = await fresh.run('sync', '--json');
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toMatch(
      /plant-1\/equipment: fields\.description reads NoSuchProperty, which \S+\/Equipment does not/,
    );
    expect(stderr).toMatch(/plant-1\/sales-orders: when reads SalesOrganisation, which \S+\/A_SalesOrder does not/);
    fresh.remove();
  });

  it('ends with 2 when records were refused, and goes on with the others', async () => {
    const fresh = createWorkspace(sandbox);
    sandbox.mes.refuse((table, body) =>
      table === 'resources' && body['external_id'] === '10000001' ? 'No room for 10000001.' : undefined,
    );
    const { code, answer } = await fresh.json('sync', 'plant-1/equipment', 'plant-1/work-centers');
    expect(code).toBe(2);
    expect((answer as Answer).streams).toMatchObject([
      { stream: 'work-centers', outcome: 'ok', refused: 0 },
      { stream: 'equipment', outcome: 'refused', refused: 1 },
    ]);
    fresh.remove();
  });

  it('ends with 0 when records only wait for their parents', async () => {
    const fresh = createWorkspace(sandbox);
    const { code, answer } = await fresh.json('sync', 'plant-1/operations');
    expect(code).toBe(0);
    const [operations] = (answer as Answer).streams;
    expect(operations).toMatchObject({ outcome: 'ok', created: 0, updated: 0 });
    expect(operations?.['parked']).toBe(operations?.['read']);
    fresh.remove();
  });

  it('ends with 1 when a stream failed, although in another records were refused', async () => {
    const fresh = createWorkspace(sandbox, { salesOrdersPath: '/sap/opu/odata/sap/ZNONE/Set' });
    sandbox.mes.refuse((table) => (table === 'resources' ? 'closed' : undefined));
    const { code, answer } = await fresh.json('sync', 'plant-1/equipment', 'plant-1/sales-orders');
    expect(code).toBe(1);
    const { streams } = answer as Answer;
    expect(streams).toMatchObject([
      { stream: 'equipment', outcome: 'refused' },
      { stream: 'sales-orders', outcome: 'failed', error: expect.stringContaining('HTTP 404') },
    ]);
    expect(streams[1]).toEqual({ ...resultShape, error: expect.any(String) });
    fresh.remove();
  });

  it('ends with 1 and names what to correct when the password is wrong', async () => {
    const fresh = createWorkspace(sandbox, { password: 'not-the-password' });
    const { code, stdout } = await fresh.run('sync');
    expect(code).toBe(1);
    expect(stdout).toMatch(/plant-1\/work-centers: plant-1: GET .* answered HTTP 401\. Check auth/);
    fresh.remove();
  });
});

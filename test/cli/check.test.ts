import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startFrepple } from '../../sandbox/frepple/index.ts';
import { startNetSuite } from '../../sandbox/netsuite/index.ts';
import { startOdoo } from '../../sandbox/odoo/index.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createWorkspace, type Workspace, type WorkspaceOptions } from '../support/cli-workspace.ts';

interface Finding {
  code: string;
  level: 'ok' | 'warning' | 'error';
  where: string;
  text: string;
  todo: string;
}
interface Answer {
  ok: boolean;
  findings: Finding[];
}

const tables = ['cells', 'resources', 'jobs', 'parts', 'operations'].map((table) => `mes api-${table}`);
const streams = ['work-centers'];
const opened: Workspace[] = [];
let sandbox: Sandbox;

beforeAll(async () => {
  sandbox = await startSandbox({ seed: 16, records: 40, startAt: new Date() });
});
afterAll(async () => {
  for (const workspace of opened) workspace.remove();
  await sandbox.stop();
});

async function check(options: WorkspaceOptions, ...args: string[]): Promise<{ code: number | null } & Answer> {
  const workspace = createWorkspace(sandbox, options);
  opened.push(workspace);
  const { code, answer } = await workspace.json('check', ...args);
  return { code, ...(answer as Answer) };
}

const of = (findings: readonly Finding[], where: string) => findings.filter((finding) => finding.where === where);

describe.concurrent('check', () => {
  it('ends with 0 when everything can be reached, and says so of each stream and each table', async () => {
    const { code, ok, findings } = await check({});
    expect(findings.map(({ code: id, where }) => `${id} ${where}`)).toEqual([
      expect.stringMatching(/^config-valid \/.*\/erp-puller\.yaml$/),
      'stream-readable plant-1/work-centers',
      'stream-readable plant-1/equipment',
      'stream-readable plant-1/sales-orders',
      'stream-readable plant-1/production-orders',
      'stream-readable plant-1/operations',
      'clock-agrees plant-1',
      ...tables.map((table) => `mes-reachable ${table}`),
      ...tables.map((table) => `mes-way ${table.replace('api-', '')}`),
    ]);
    expect({ code, ok }).toEqual({ code: 0, ok: true });
  });

  it('has nothing to say against the example config', async ({ onTestFinished }) => {
    const odoo = await startOdoo({ seed: 5, records: 100, startAt: new Date() });
    onTestFinished(odoo.stop);
    const frepple = await startFrepple({ seed: 5, records: 100, startAt: new Date() });
    onTestFinished(frepple.stop);
    const user = { timeZone: 'Europe/Amsterdam' };
    const netsuite = await startNetSuite({ seed: 5, records: 100, startAt: new Date(), user });
    onTestFinished(netsuite.stop);
    const { consumerKey, consumerSecret, tokenId, tokenSecret } = netsuite.credentials;
    const env = {
      ERYXON_API_KEY: sandbox.mes.apiKey,
      ODOO_API_KEY: odoo.credentials.apiKey,
      NETSUITE_CONSUMER_KEY: consumerKey,
      NETSUITE_CONSUMER_SECRET: consumerSecret,
      NETSUITE_TOKEN_ID: tokenId,
      NETSUITE_TOKEN_SECRET: tokenSecret,
      FREPPLE_WEBTOKEN_KEY: frepple.credentials.webtokenKey,
    };
    const workspace = createWorkspace(sandbox, { env });
    opened.push(workspace);
    const example = readFileSync(path.resolve(import.meta.dirname, '../../config/erp-puller.example.yaml'), 'utf8')
      .replace('https://project.supabase.co', sandbox.mes.url)
      .replace('https://s4.example.com', sandbox.sap.url)
      .replace('https://odoo.example.com', odoo.url)
      .replace(/# baseUrl: .*/, `baseUrl: ${netsuite.url}`)
      .replace('t.id > 100000', 't.id > 0')
      .replaceAll('rate: { requestsPerSecond: 2, burst: 4 }', 'rate: { requestsPerSecond: 1000, burst: 1000 }')
      .replace('database: production', `database: ${odoo.credentials.database}`)
      .replace('https://frepple.example.com', frepple.url)
      .replace('mes-reader\n', `${frepple.credentials.username}\n`)
      .replace('drying room', [...frepple.expected().cells.keys()][0] ?? '');
    const file = path.join(workspace.folder, 'erp-puller.yaml');
    writeFileSync(file, example);
    const { answer } = await workspace.json('check');
    expect((answer as Answer).findings.filter(({ level }) => level !== 'ok')).toEqual([]);
  });

  it('warns of fields of the mapping that the MES has no place for, read from the first rows', async () => {
    const workspace = createWorkspace(sandbox, {});
    opened.push(workspace);
    const config = readFileSync(workspace.configFile, 'utf8');
    const own = 'work-centers: { fields: { description: WorkCenterDesc }, enabled';
    writeFileSync(workspace.configFile, config.replace('work-centers: { enabled', own));
    const { code, answer } = await workspace.json('check');
    expect(code).toBe(0);
    expect((answer as Answer).findings.filter(({ level }) => level !== 'ok')).toMatchObject([
      { code: 'mes-fields-left-out', where: 'mes cells', text: expect.stringContaining('description of cells') },
    ]);
  });

  it('gives every finding the promised form', async () => {
    const { findings } = await check({ streams });
    const text = expect.any(String);
    const level = expect.stringMatching(/^(ok|warning|error)$/);
    expect(findings).toEqual(findings.map(() => ({ code: text, level, where: text, text, todo: text })));
  });

  it('asks nobody with --offline', async () => {
    const { code, findings } = await check({ sapUrl: 'http://127.0.0.1:9', mesUrl: 'http://127.0.0.1:9' }, '--offline');
    expect(code).toBe(0);
    expect(findings).toHaveLength(1);
  });

  it('writes nothing, neither there nor here', async () => {
    const { code } = await check({ streams });
    expect(code).not.toBe(78);
    expect(sandbox.sap.writes()).toBe(0);
    expect(Object.values(sandbox.mes.counts())).toEqual([0, 0, 0, 0, 0]);
    for (const workspace of opened) expect(workspace.files()).toEqual([]);
  });
});

describe.concurrent('check names what is wrong and what to do', () => {
  it('a wrong password', async () => {
    const { code, ok, findings } = await check({ streams, password: 'not-the-password' });
    expect({ code, ok }).toEqual({ code: 1, ok: false });
    expect(of(findings, 'plant-1/work-centers')).toEqual([
      {
        code: 'credentials-refused',
        level: 'error',
        where: 'plant-1/work-centers',
        text: expect.stringContaining('answered HTTP 401. Check auth and sapClient.'),
        todo: 'Correct auth in the config file, or unlock the user.',
      },
    ]);
  });

  it('a wrong password, with one logon only: more could lock the account', async () => {
    const own = await startSandbox({ seed: 17, records: 20 });
    const workspace = createWorkspace(own, { password: 'not-the-password' });
    await workspace.run('check');
    workspace.remove();
    const { total } = own.sap.requests();
    await own.stop();
    expect(total).toBe(1);
  });

  it('a wrong client', async () => {
    const { code, findings } = await check({ streams, client: '200' });
    expect(code).toBe(1);
    expect(of(findings, 'plant-1/work-centers')).toMatchObject([
      { level: 'error', text: expect.stringMatching(/usually a logon or maintenance page.*Check sapClient and auth/) },
    ]);
  });

  it('a wrong client, with something to do that is about the client', async () => {
    const { findings } = await check({ streams, client: '200' });
    expect(of(findings, 'plant-1/work-centers')[0]?.todo).toMatch(/sapClient/);
  });

  it('a service that SAP does not have', async () => {
    const { code, findings } = await check({
      streams: ['sales-orders'],
      salesOrdersPath: '/sap/opu/odata/sap/ZNO/Set',
    });
    expect(code).toBe(1);
    expect(of(findings, 'plant-1/sales-orders')).toMatchObject([
      {
        code: 'stream-refused',
        level: 'error',
        text: expect.stringContaining('HTTP 404'),
        todo: 'Ask the ERP administrator to activate the service and authorise the user.',
      },
    ]);
  });

  it('a wrong API key', async () => {
    const { code, findings } = await check({ streams, apiKey: 'ery_test_wrong' });
    expect(code).toBe(1);
    expect(findings.filter(({ level }) => level === 'error')).toContainEqual({
      code: 'mes-credentials-refused',
      level: 'error',
      where: 'mes api-cells',
      text: 'The MES refused the API key: Invalid API key. Check mes.apiKey.',
      todo: expect.stringMatching(/^Correct mes\.apiKey in the config file, or /),
    });
  });

  it('a URL of the MES behind which there are no functions', async () => {
    const { code, findings } = await check({ streams, mesUrl: `${sandbox.mes.url}/functions` });
    expect(code).toBe(1);
    expect(of(findings, 'mes api-cells')).toMatchObject([{ level: 'error', todo: expect.stringContaining('mes.url') }]);
  });

  // Refused connections are tried again with pauses: the slowest two, side by side.
  it('an ERP that is stopped', { timeout: 120_000 }, async () => {
    const { code, findings } = await check({ streams, sapUrl: 'http://127.0.0.1:9' });
    expect(code).toBe(1);
    expect(of(findings, 'plant-1/work-centers')).toMatchObject([
      {
        code: 'erp-unreachable',
        level: 'error',
        text: expect.stringMatching(/GET http:\/\/127\.0\.0\.1:9\/sap\/.* failed: ECONNREFUSED\.$/),
        todo: 'Check url, proxy and tls, and that this machine can reach the ERP.',
      },
    ]);
    expect(of(findings, 'mes api-cells')).toMatchObject([{ code: 'mes-reachable', level: 'ok' }]);
  });

  it('a MES that is stopped', { timeout: 180_000 }, async () => {
    const { code, findings } = await check({ streams, mesUrl: 'http://127.0.0.1:9/functions/v1' });
    expect(code).toBe(1);
    expect(of(findings, 'plant-1/work-centers')).toMatchObject([{ level: 'ok' }]);
    expect(of(findings, 'mes api-cells')).toMatchObject([
      {
        code: 'mes-unreachable',
        level: 'error',
        text: expect.stringContaining('failed: ECONNREFUSED'),
        todo: 'Check mes.url, mes.proxy and mes.tls, and that this machine can reach the MES.',
      },
    ]);
  });
});

describe('check without a daemon, over a state', () => {
  const budgetOf = async (workspace: Workspace) =>
    ((await workspace.json('status')).answer as { mes: Record<'budgetLeft' | 'reserveLeft', number> }).mes;
  const reached = tables.map((table) => ['mes-reachable', table]);
  const reachOf = ({ findings }: Answer) =>
    findings.filter(({ where }) => tables.includes(where)).map(({ code, where }) => [code, where]);
  let own: Sandbox;
  let workspace: Workspace;
  beforeAll(async () => {
    own = await startSandbox({ seed: 18, records: 20, startAt: new Date() });
    workspace = createWorkspace(own);
    opened.push(workspace);
    await workspace.run('sync');
  });
  afterAll(() => own.stop());

  it('books what it asks the MES, out of the reserve', async () => {
    const [before, sentBefore] = [await budgetOf(workspace), own.mes.requests().total];
    expect((await workspace.run('check')).code).toBe(0);
    const sent = own.mes.requests().total - sentBefore;
    expect(sent).toBeGreaterThan(0);
    const after = await budgetOf(workspace);
    expect(after.budgetLeft).toBe(before.budgetLeft - sent);
    expect(after.reserveLeft).toBe(before.reserveLeft - sent);
  });

  it.each([0, 5, 6])('asks the MES no more than the %i requests that are left, and says until when', async (left) => {
    const config = readFileSync(workspace.configFile, 'utf8');
    onTestFinished(() => writeFileSync(workspace.configFile, config));
    const used = 10_000 - (await budgetOf(workspace)).budgetLeft;
    const lines = config.replace('requestsPerDay: 10000', `requestsPerDay: ${used + left}`);
    writeFileSync(workspace.configFile, `${lines}    deletes: { job: delete }\n`);
    const before = own.mes.requests().total;
    const { code, answer } = await workspace.json('check');
    expect(own.mes.requests().total - before).toBe(left);
    expect({ code, ok: (answer as Answer).ok }).toEqual({ code: 1, ok: false });
    expect((answer as Answer).findings.filter(({ level }) => level === 'error')).toEqual([
      {
        code: 'mes-waits',
        level: 'error',
        where: expect.stringMatching(/^mes/),
        text: expect.stringMatching(/^The day budget of \d+ requests is used up until \d{4}-\S+Z\.$/),
        todo: expect.stringContaining('Check again'),
      },
    ]);
  });

  it('asks without booking where the state is damaged, and leaves that as it is', async () => {
    const damaged = createWorkspace(own);
    opened.push(damaged);
    mkdirSync(damaged.stateDirectory);
    const ledger = path.join(damaged.stateDirectory, 'ledger.db');
    writeFileSync(ledger, 'no database');
    const { code, answer } = await damaged.json('check');
    expect({ code, reached: reachOf(answer as Answer) }).toEqual({ code: 0, reached });
    expect(readFileSync(ledger, 'utf8')).toBe('no database');
  });

  it('asks without booking while another verb holds the state', async () => {
    const lock = new DatabaseSync(path.join(workspace.stateDirectory, 'lock.db'));
    onTestFinished(() => lock.close());
    lock.exec('BEGIN EXCLUSIVE');
    const { code, answer } = await workspace.json('check');
    expect({ code, reached: reachOf(answer as Answer) }).toEqual({ code: 0, reached });
  });
});

describe('check for people', () => {
  it('prints a line a finding, and below it what to do', async () => {
    const workspace = createWorkspace(sandbox, { streams, apiKey: 'ery_test_wrong' });
    opened.push(workspace);
    const { stdout } = await workspace.run('check');
    expect(stdout.split('\n')).toContain('ok       plant-1/work-centers: The stream can be read.');
    expect(stdout).toContain(
      'error    mes api-cells: The MES refused the API key: Invalid API key. Check mes.apiKey.\n         Correct mes.apiKey in the config file, or have the MES administrator give the key the right to read and write.\n',
    );
  });
});

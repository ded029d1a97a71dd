import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import type { Plan, StreamPlan } from '../../src/app/plan.ts';
import type { StreamResult } from '../../src/core/events.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

let sandbox: Sandbox;
let workspace: Workspace;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: 21, records: 120 });
  workspace = createWorkspace(sandbox, {});
});
afterAll(async () => {
  workspace.remove();
  await sandbox.stop();
});

const plan = async (...args: string[]) => {
  const { code, answer } = await workspace.json('plan', ...args);
  expect(code).toBe(0);
  return answer as Plan;
};
const sync = async () => ((await workspace.json('sync')).answer as { streams: StreamResult[] }).streams;

/** What both say of each stream. */
const planned = ({ streams }: Plan) =>
  streams.map(({ stream, create, update, mark, leave, parked, refused, requests }) => {
    return { stream, create, update, mark, leave, parked, refused, requests };
  });
const done = (results: readonly StreamResult[]) =>
  results.map(({ stream, created, updated, deleted, unchanged, parked, refused, requests }) => ({
    stream,
    create: created,
    update: updated,
    mark: deleted,
    leave: unchanged,
    parked,
    refused,
    requests: requests.mes,
  }));

function play(count: number): void {
  sandbox.sap.play(count);
  sandbox.sap.settle();
  sandbox.sap.advance(30 * 60_000);
}

function only(streams: readonly StreamPlan[], name: string): StreamPlan {
  const found = streams.find(({ stream }) => stream === name);
  if (found === undefined) throw new Error(`No plan of ${name}.`);
  return found;
}

/** Content of every file of the state but the index that SQLite keeps beside the ledger for readers. */
function stateNow(): Map<string, string> {
  const names = readdirSync(workspace.stateDirectory).filter((name) => !/-shm$|\.sock$/.test(name));
  const sums = names.map((name): [string, string] => {
    const content = readFileSync(join(workspace.stateDirectory, name));
    return [name, content.length === 0 ? 'empty' : createHash('sha256').update(content).digest('hex')];
  });
  return new Map(sums.filter(([, sum]) => sum !== 'empty'));
}

describe('plan', () => {
  it('before the first start says what the first load will send, and makes no state', async () => {
    const before = sandbox.mes.requests().total;
    const first = await plan();
    expect(only(first.streams, 'sales-orders').create).toBeGreaterThan(0);
    expect(first.streams.every(({ changes, create }) => changes.length === create)).toBe(true);
    expect(first.budgetLeft).toBe(10_000);
    expect(sandbox.mes.requests().total).toBe(before);
    expect(workspace.files().filter(({ name }) => name.startsWith('state'))).toEqual([]);
    expect(first.guesses.map(({ code }) => code)).toEqual(['mes-never-asked']);
    expect((await workspace.run('plan')).stdout).toContain('has never been asked what it can do');
    expect(planned(first)).toEqual(done(await sync()));
    expect((await plan()).guesses).toEqual([]);
    expect(sandbox.compare()).toMatchObject({ equal: true });
  });

  it('says what the next sync then does, field by field, and changes neither state nor MES', async () => {
    play(60);
    const state = stateNow();
    const requests = sandbox.mes.requests().total;
    const next = await plan();
    expect(stateNow()).toEqual(state);
    expect(sandbox.mes.requests().total).toBe(requests);
    const updates = next.streams.flatMap(({ changes }) => changes).filter(({ action }) => action === 'update');
    expect(updates.length).toBeGreaterThan(0);
    for (const { fields } of updates) expect(Object.keys(fields ?? {})).not.toEqual([]);
    const operations = only(next.streams, 'operations').changes.filter(({ action }) => action !== 'create');
    for (const { fields = {} } of operations) {
      for (const { from, to } of Object.values(fields)) expect(from).not.toEqual(to);
    }
    expect(planned(next)).toEqual(done(await sync()));
    expect(planned(await plan()).map(({ create, update, mark, requests: mes }) => [create, update, mark, mes])).toEqual(
      next.streams.map(() => [0, 0, 0, 0]),
    );
  });

  it('names the changes of a stream up to a limit, and all of them when asked', async () => {
    await workspace.run('watermark', 'reset', 'plant-1/operations', '--forget');
    const short = await workspace.run('plan', 'plant-1/operations');
    expect(short.code).toBe(0);
    expect(short.stdout).toMatch(/^stream +create +update +mark +delete +leave +refused +parked +requests$/m);
    expect(short.stdout).toMatch(/… and \d+ more: --all, or --json/);
    expect(short.stdout).toMatch(/^ {2}update operation \S+: sent again as it is$/m);
    expect(short.stdout).toContain('Nothing was sent.');
    const all = await workspace.run('plan', 'plant-1/operations', '--all');
    expect(all.stdout).not.toContain('more: --all');
    expect(all.stdout.split('\n').length).toBeGreaterThan(short.stdout.split('\n').length + 10);
    await sync();
  });

  it('works beside a running daemon', async () => {
    const daemon = await workspace.startDaemon();
    await daemon.waitFor(/"Pass finished\.".*operations/);
    play(10);
    const { streams } = await plan();
    expect(streams).toHaveLength(5);
    expect(streams.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok']);
    expect((await daemon.stop('SIGTERM')).code).toBe(0);
  });

  it('ends with 64 for a stream that there is not', async () => {
    expect(await workspace.run('plan', 'plant-1/nope')).toMatchObject({ code: 64, stdout: '' });
    expect(await workspace.run('plan', 'a/b/c')).toMatchObject({ code: 64, stdout: '' });
  });
});

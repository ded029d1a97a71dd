import { chmodSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { createWorkspace, type Workspace } from '../support/cli-workspace.ts';

interface Letters {
  deadLetters: { id: number; key: string; due: boolean }[];
}

let sandbox: Sandbox;
let workspace: Workspace;
beforeAll(async () => {
  sandbox = await startSandbox({ seed: 13, records: 60 });
  workspace = createWorkspace(sandbox, { streams: ['work-centers', 'equipment'] });
  sandbox.mes.refuse((table) => (table === 'resources' ? 'No resources before noon.' : undefined));
  await workspace.run('sync');
  sandbox.mes.refuse(() => undefined);
});
afterAll(async () => {
  workspace.remove();
  await sandbox.stop();
});

const list = async () => ((await workspace.json('dead-letters', 'list')).answer as Letters).deadLetters;

describe('dead-letters', () => {
  it('list tells what was set aside, why, and what it holds', async () => {
    const { code, answer } = await workspace.json('dead-letters', 'list');
    expect(code).toBe(0);
    const letter = (id: number, externalId: string) => ({
      id,
      stream: 'plant-1/equipment',
      stage: 'push',
      key: `resource/${externalId}`,
      reason: 'No resources before noon.',
      count: 1,
      firstAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastAt: expect.stringMatching(/^\d{4}-.*Z$/),
      nextRetry: expect.stringMatching(/^\d{4}-.*Z$/),
      due: false,
      payload: expect.objectContaining({ entity: 'resource', externalId }),
    });
    expect(answer).toEqual({ deadLetters: [letter(1, '10000001'), letter(2, '10000002')] });
  });

  it('list prints a line for each, without what it holds', async () => {
    const { code, stdout } = await workspace.run('dead-letters', 'list', 'plant-1/equipment');
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(stdout).toMatch(/ 1 {2}plant-1\/equipment {2}push +resource\/10000001 {2}No resources before noon\. +1 /);
    expect(stdout).not.toContain('payload');
  });

  it.each([['list'], ['show', '1'], ['export'], ['retry', 'plant-1/work-centers'], ['drop', 'plant-1/work-centers']])(
    '%s warns of the config once',
    async (...args) => {
      chmodSync(workspace.configFile, 0o620);
      const { code, stderr } = await workspace.run('dead-letters', ...args);
      chmodSync(workspace.configFile, 0o600);
      expect(code).toBe(0);
      expect(stderr.match(/can be written by others/g)).toHaveLength(1);
    },
  );

  it('list says that nothing is set aside of a stream without any', async () => {
    expect(await workspace.run('dead-letters', 'list', 'plant-1/work-centers')).toMatchObject({
      code: 0,
      stdout: 'Nothing is set aside.\n',
    });
  });

  it('show prints one with what it holds, as one object or laid out for people', async () => {
    const { answer } = await workspace.json('dead-letters', 'show', '2');
    expect(answer).toMatchObject({ id: 2, payload: { externalId: '10000002' } });
    const { stdout } = await workspace.run('dead-letters', 'show', '2');
    expect(JSON.parse(stdout)).toEqual(answer);
    expect(stdout.split('\n').length).toBeGreaterThan(10);
  });

  it('export prints a JSON line for each, with what it holds unless told not to', async () => {
    const { code, stdout } = await workspace.run('dead-letters', 'export', 'plant-1/equipment');
    expect(code).toBe(0);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual(await list());
    expect(lines[0]).toMatchObject({ count: 1, reason: 'No resources before noon.', payload: { entity: 'resource' } });
    const bare = await workspace.run('dead-letters', 'export', '1', '--no-payload');
    expect(JSON.parse(bare.stdout)).toEqual({ ...lines[0], payload: undefined });
    expect(bare.stdout).not.toContain('payload');
  });

  it('export writes a new file that only its owner may read', async () => {
    const file = path.join(workspace.folder, 'letters.jsonl');
    const written = await workspace.run('dead-letters', 'export', '--json-lines', file);
    expect(written).toMatchObject({ code: 0, stdout: `2 written to ${file}.\n` });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(2);
    const again = await workspace.run('dead-letters', 'export', '--json-lines', file);
    expect(again).toMatchObject({ code: 64, stderr: expect.stringContaining('EEXIST') });
  });

  it('are counted by status', async () => {
    const { answer } = await workspace.json('status');
    expect(answer).toMatchObject({
      streams: [
        { stream: 'plant-1/work-centers', deadLetters: 0 },
        { stream: 'plant-1/equipment', deadLetters: 2 },
      ],
    });
  });

  it.each([
    ['show', '99', 'There is no dead letter 99. See: erp-puller dead-letters list.'],
    ['retry', '99', 'There is no dead letter 99. See: erp-puller dead-letters list.'],
    ['drop', '99', 'There is no dead letter 99. See: erp-puller dead-letters list.'],
    ['list', 'plant-1/equipmnt', 'There is no stream plant-1/equipmnt. See: erp-puller status.'],
    ['retry', 'plant-1', 'There is no stream plant-1. See: erp-puller status.'],
    ['drop', 'plant-1/equipment/1', 'There is no stream plant-1/equipment/1. See: erp-puller status.'],
  ])('%s %s ends with 64: a slip of the hand is not an empty list', async (verb, which, text) => {
    expect(await workspace.run('dead-letters', verb, which)).toEqual({ code: 64, stdout: '', stderr: `${text}\n` });
  });

  it('retry marks one for the next pass, which delivers it', async () => {
    expect(await workspace.run('dead-letters', 'retry', '1')).toMatchObject({
      code: 0,
      stdout: '1 will be tried again in the next pass.\n',
    });
    expect((await list()).map(({ id, due }) => [id, due])).toEqual([
      [1, true],
      [2, false],
    ]);
    const { code, answer } = await workspace.json('sync', 'plant-1/equipment');
    expect(code).toBe(0);
    expect(answer).toMatchObject({ streams: [{ created: 1 }] });
    expect((await list()).map(({ key }) => key)).toEqual(['resource/10000002']);
    expect(sandbox.mes.counts().resources).toBe(1);
  });

  it('drop all forgets them, and the next passes do not bring them back', async () => {
    expect(await workspace.run('dead-letters', 'drop', 'all')).toMatchObject({ code: 0, stdout: '1 dropped.\n' });
    expect(await list()).toEqual([]);
    expect((await workspace.run('sync')).code).toBe(0);
    expect(sandbox.mes.counts().resources).toBe(1);
  });
});

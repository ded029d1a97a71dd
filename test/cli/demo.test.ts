import { existsSync, mkdtempSync, readdirSync, rmSync, watch } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCli, startCli } from '../support/cli.ts';

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

/** A temporary folder of the demo's own, to see what it leaves there. */
function emptyFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'demo-test-'));
  roots.push(folder);
  return folder;
}

function firstEntry(folder: string): Promise<string> {
  return new Promise((resolve) => {
    const watcher = watch(folder, (_event, name) => {
      watcher.close();
      resolve(String(name));
    });
  });
}

describe.concurrent('demo', () => {
  it('--once --json does a full and a delta pass over every ERP, finds both sides equal and leaves nothing behind', async () => {
    const folder = emptyFolder();
    const { code, stdout, stderr } = await runCli(['demo', '--once', '--json', '--records', '120'], {
      env: { TMPDIR: folder },
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer)).toEqual(['equal', 'source', 'mes', 'passes']);
    expect(answer.equal).toBe(true);
    const connectors = answer.passes[0].streams.map(({ connector }: { connector: string }) => connector);
    expect([...new Set(connectors)]).toEqual(['sap', 'netsuite', 'odoo', 'frepple']);
    expect(answer.mes).toEqual(answer.source);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('keeps the orders of two ERPs apart that have one number and make one article', async () => {
    const { code, stdout } = await runCli(['demo', '--once', '--json', '--seed', '205', '--records', '185']);
    expect({ code, ...JSON.parse(stdout) }).toMatchObject({ code: 0, equal: true });
  });

  it('--connector runs one of the connectors, and tells which there are', async () => {
    const args = ['demo', '--once', '--json', '--records', '30', '--connector'];
    const { code, stdout } = await runCli([...args, 'sap'], { env: { TMPDIR: emptyFolder() } });
    expect(code).toBe(0);
    const answer = JSON.parse(stdout);
    expect(answer).toMatchObject({ equal: true, passes: [{ streams: { length: 5 } }, { streams: { length: 5 } }] });
    const folder = emptyFolder();
    const wrong = await runCli([...args, 'baan'], { env: { TMPDIR: folder } });
    const text = expect.stringMatching(/has no connector baan .* it has: sap, netsuite, odoo, frepple/);
    expect(wrong).toMatchObject({ code: 64, stderr: text });
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['main', 'v060', 'repaired'])(
    '--mes %s ends equal at an Eryxon as installations run it',
    async (mes) => {
      const args = ['demo', '--once', '--json', '--records', '80', '--mes', mes];
      const { code, stdout } = await runCli(args, { env: { TMPDIR: emptyFolder() } });
      expect(code).toBe(0);
      const answer = JSON.parse(stdout);
      expect(answer).toMatchObject({ equal: true });
      expect(answer.mes).toEqual(answer.source);
      expect(answer.mes.operations).toBeGreaterThan(20);
    },
    120_000,
  );

  it('--json for some time prints one object and nothing else', async () => {
    const args = ['demo', '--json', '--minutes', '0.02', '--records', '30'];
    const { code, stdout } = await runCli(args, { env: { TMPDIR: emptyFolder() } });
    expect(code).toBe(0);
    expect(stdout.trimEnd().split('\n')).toHaveLength(1);
    expect(JSON.parse(stdout)).toMatchObject({ equal: true });
  });

  it('shows what flows until Ctrl-C, which ends it with a comparison and leaves nothing behind', async () => {
    const folder = emptyFolder();
    const demo = startCli(['demo', '--records', '40'], { env: { TMPDIR: folder } });
    await demo.waitFor(/^MES {2}sap\/operations: \d+ created$/m);
    expect(readdirSync(folder)).toHaveLength(1);
    const { code, stdout, stderr } = await demo.stop('SIGINT');
    expect(stdout).toMatch(/^Health page: http:\/\/127\.0\.0\.1:\d+\/readyz/);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('Equal: the MES holds exactly what the ERPs say.');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('--once ends on Ctrl-C in the middle with 1, and leaves nothing behind', async () => {
    const folder = emptyFolder();
    const appeared = firstEntry(folder);
    const demo = startCli(['demo', '--once', '--records', '20000'], { env: { TMPDIR: folder } });
    const name = await appeared;
    const { code, stdout, stderr } = await demo.stop('SIGINT');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/Stopped by SIGINT\.\n$/);
    expect(existsSync(path.join(folder, name))).toBe(false);
  });
});

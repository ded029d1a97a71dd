import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createGzip } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { productFlags } from '../../bench/product-flags.ts';
import { startSandbox } from '../../sandbox/sandbox.ts';
import { createWorkspace } from '../support/cli-workspace.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** Bar 29: the whole program against a server whose every answer is an attack; a million rows are in docs/performance.md. */
const mb = 1_048_576;
const json = { 'content-type': 'application/json' };

async function endless(response: ServerResponse | ReturnType<typeof createGzip>, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(mb, '{"value":[');
  for (let sent = 0; sent < bytes && !response.destroyed; sent += chunk.length) {
    if (!response.write(chunk)) await new Promise((done) => response.once('drain', done).once('close', done));
  }
  response.end();
}

const row = (text: string) => `{"value":[{"Id":"1","Text":${text}}],"success":true,"data":{"Text":${text}}}`;
const attacks: readonly [string, (response: ServerResponse) => unknown][] = [
  [
    '100 MB, announced',
    (response) => endless(response.writeHead(200, { ...json, 'content-length': 100 * mb }), 100 * mb),
  ],
  ['100 MB, not announced', (response) => endless(response.writeHead(200, json), 100 * mb)],
  [
    '300 MB packed into 300 KB',
    (response) => {
      const gzip = createGzip();
      gzip.pipe(response.writeHead(200, { ...json, 'content-encoding': 'gzip' }));
      return endless(gzip, 300 * mb);
    },
  ],
  ['a field of 10 MB', (response) => response.writeHead(200, json).end(row(JSON.stringify('x'.repeat(10 * mb))))],
  [
    'JSON nested a thousand deep',
    (response) => response.writeHead(200, json).end(row('['.repeat(1000) + ']'.repeat(1000))),
  ],
];

async function startAttacker(attack: (response: ServerResponse) => unknown): Promise<string> {
  const server = createServer((request, response) => {
    response.on('error', () => undefined);
    request.resume().on('end', () => void attack(response));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.each(['ERP', 'MES'] as const)('an %s that answers', (system) => {
  it.each(attacks)(
    '%s is refused or read, by a program that stays below 256 MB',
    async (_what, attack) => {
      const url = await startAttacker(attack);
      const sandbox = await startSandbox({ seed: 29, records: 20 });
      const peak = join(scratchDirectory(), 'peak');
      const flags = [...productFlags, `--import=${resolve('test/preload/memory-peak.ts')}`];
      const env = { MEMORY_PEAK: peak };
      const workspace = createWorkspace(
        sandbox,
        system === 'ERP' ? { env, flags, sapUrl: url, streams: ['sales-orders'] } : { env, flags, mesUrl: `${url}/v1` },
      );
      try {
        const { code, stderr } = await workspace.run('check');
        expect([0, 1]).toContain(code);
        expect(stderr).not.toMatch(/heap out of memory|at .*\.ts:/);
        expect(Number(readFileSync(peak, 'utf8'))).toBeLessThan(256);
      } finally {
        workspace.remove();
        await sandbox.stop();
      }
    },
    60_000,
  );
});

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'layers-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const refused = [
  ['src/core/probe.ts', '../cli/output.ts'],
  ['src/core/probe.ts', '../state/store.ts'],
  ['src/core/probe.ts', '../../test/support/cli.ts'],
  ['src/app/probe.ts', '../cli/demo.ts'],
  ['src/app/probe.ts', '../../sandbox/types.ts'],
  ['src/connectors/sap/probe.ts', '../odoo/streams.ts'],
  ['src/connectors/odoo/probe.ts', '../frepple/streams.ts'],
  ['src/connectors/odoo/probe.ts', '../../push/sink.ts'],
  ['src/connectors/protocols/odoo/probe.ts', '../../odoo/rows.ts'],
  ['src/push/probe.ts', 'zod'],
  ['src/push/pusher.ts', 'zod'],
  ['src/push/pusher.ts', '../state/store.ts'],
  ['src/push/eryxon/probe.ts', '../../scheduler/engine.ts'],
  ['src/scheduler/probe.ts', '../state/ledger.ts'],
  ['src/scheduler/probe.ts', '../push/sink.ts'],
  ['src/scheduler/cron.ts', 'p-limit'],
  ['src/server/probe.ts', '../push/sink.ts'],
  ['src/state/probe.ts', 'node:sqlite'],
  ['src/cli/probe.ts', 'axios'],
  ['sandbox/probe.ts', '../src/core/clock.ts'],
  ['test/push/probe.ts', 'nock'],
] as const;

const allowed = [
  ['src/connectors/odoo/probe.ts', '../protocols/odoo/client.ts'],
  ['src/connectors/odoo/probe.ts', 'zod'],
  ['src/connectors/protocols/odata/probe.ts', '../auth.ts'],
  ['src/connectors/probe.ts', './sap/index.ts'],
  ['src/config/probe.ts', '../connectors/index.ts'],
  ['src/scheduler/probe.ts', '../push/pusher.ts'],
  ['src/scheduler/cron.ts', 'node-cron'],
  ['src/state/database.ts', 'node:sqlite'],
  ['src/app/probe.ts', '../state/ledger.ts'],
  ['src/cli/probe.ts', '../../sandbox/types.ts'],
  ['sandbox/sap/probe.ts', 'node:sqlite'],
  ['test/push/probe.ts', '../../src/state/ledger.ts'],
  ['test/support/http-mock.ts', 'nock'],
] as const;

/** `file imported` of each import that the rules refuse. */
const found = new Set<string>();

beforeAll(async () => {
  for (const file of ['biome.json', 'biome.layers.json', '.gitignore'])
    cpSync(path.join(root, file), path.join(folder, file));
  const imports = Map.groupBy([...refused, ...allowed], ([file]): string => file);
  for (const [file, lines] of imports) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), lines.map(([, from]) => `import '${from}';\n`).join(''));
  }
  const biome = path.join(root, 'node_modules/.bin/biome');
  const args = ['lint', '--only=style/noRestrictedImports', '--max-diagnostics=none', '--reporter=github', '.'];
  const output = await new Promise<string>((resolve) => {
    execFile(biome, args, { cwd: folder }, (_error, stdout) => resolve(stdout));
  });
  for (const [, place = '', line] of output.matchAll(/file=([^,]+),line=(\d+)/g)) {
    const file = path.relative(folder, place);
    const [, from] = imports.get(file)?.[Number(line) - 1] ?? [];
    found.add(`${file} ${from}`);
  }
});

it.each(refused)('%s may not import %s', (file, from) => expect(found).toContain(`${file} ${from}`));
it.each(allowed)('%s may import %s', (file, from) => expect(found).not.toContain(`${file} ${from}`));

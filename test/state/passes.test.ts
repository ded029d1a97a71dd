import { expect, it } from 'vitest';
import { openScratchDatabase } from '../../src/state/database.ts';
import { createTables } from '../../src/state/ledger-schema.ts';
import { createPasses } from '../../src/state/passes.ts';
import type { Run } from '../../src/state/store.ts';

const counts = { read: 0, unchanged: 0, created: 0, updated: 0, deleted: 0, refused: 0, parked: 0 };
const run: Run = {
  ...counts,
  finishedAt: '2026-03-02T00:00:00.000Z',
  outcome: 'ok',
  requests: { erp: 1, mes: 0 },
  durationMs: 12,
  error: null,
};

it('forgets what is older than the last hundred passes of each stream, whichever of them takes its turn', () => {
  const database = openScratchDatabase();
  createTables(database);
  const passes = createPasses(database);
  const streams = ['work-centers', 'sales-orders', 'production-orders', 'operations'];
  for (let read = 0; read < 300; read += 1) for (const stream of streams) passes.record(stream, [{ ...run, read }]);
  for (const stream of streams) {
    expect(passes.history(stream).map(({ read }) => read)).toEqual(
      Array.from({ length: 100 }, (_, back) => 299 - back),
    );
  }
  const kept = database.prepare('SELECT COUNT(*) AS count FROM runs').get() as { count: number };
  expect(kept.count).toBeLessThanOrEqual(streams.length * 120);
  database.close();
});

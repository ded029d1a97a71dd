import { describe, expect, it, vi } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import { type MeddledMes, type Meddling, rowsOf, startMeddledMes, tableOf, world } from '../support/meddled-mes.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 20. */
const losses: readonly [string, Meddling][] = [
  [
    'timed out after it was sent',
    async (_request, pass) => {
      await pass();
      throw new TransientError('did not finish within 60 s.');
    },
  ],
  [
    'was answered 502 after it was carried out',
    async (_request, pass) => {
      await pass();
      return { status: 502, headers: {}, text: 'Bad Gateway' };
    },
  ],
  [
    'was reset in the middle of its answer',
    async (_request, pass) => {
      const { text } = await pass();
      throw new TransientError(`ECONNRESET after ${text.length / 2} bytes.`);
    },
  ],
];

/** Pushes until all is delivered. */
async function pushUntilDone({ push }: MeddledMes): Promise<void> {
  for (let tries = 0; tries < 6; tries += 1) {
    const outcomes = await push(world);
    if (outcomes.filter(({ kind }) => kind === 'delivered').length === world.length) return;
  }
  throw new Error('Not delivered.');
}

describe.each(['classic', 'v060', 'main', 'repaired'] as const)('a request to Eryxon %s', (generation) => {
  it.each(losses)('that %s leaves exactly one row, whichever request it is', async (_what, how) => {
    for (let at = 1, last = 1; at <= last; at += 1) {
      const plant = await startMeddledMes(generation);
      plant.meddle(at, how);
      await pushUntilDone(plant);
      last = Math.max(last, plant.requests());
      expect(rowsOf(plant.mes), `request ${at}`).toEqual([1, 1, 1, 1, 1]);
      for (const { entity, externalId } of world)
        expect(plant.mes.image()[tableOf(entity)].get(externalId), `request ${at}`).toBeDefined();
      if (at === 1) last = plant.requests();
    }
  });
});

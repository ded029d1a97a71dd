import { describe, expect, it, vi } from 'vitest';
import type { EryxonSimulator } from '../../sandbox/eryxon/simulator.ts';
import type { Entity, Outcome } from '../../src/core/types.ts';
import { startMeddledMes, tableOf, world } from '../support/meddled-mes.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 21: a request that is answered so was not carried out. */
const answers: readonly [string, string][] = [
  ['HTML', '<!doctype html><html><body>Maintenance</body></html>'],
  ['nothing', ''],
  ['JSON that breaks off', '{"success":true,"data":{"results":[{"external_id":"j","act'],
  ['an empty object', '{}'],
  ['success and nothing else', '{"success":true}'],
  ['success without results', '{"success":true,"data":{}}'],
  ['success with an empty list', '{"success":true,"data":{"results":[]}}'],
  ['counters in place of results', '{"success":true,"data":{"created":1,"updated":0,"failed":0}}'],
  ['results of another shape', '{"success":true,"data":{"results":[{"id":"x","ok":true}],"entities":{}}}'],
  ['a list', '[{"success":true}]'],
  ['null', 'null'],
  ['a word', '"OK"'],
  ['accepted for later', '{"success":true,"data":{"queued":true,"job_id":"b1"},"meta":{"version":"2"}}'],
];

const texts: Record<Entity, string> = {
  cell: 'name',
  resource: 'name',
  job: 'customer',
  part: 'material',
  operation: 'operation_name',
};
const changed = world.map((record) => ({ ...record, fields: { ...record.fields, [texts[record.entity]]: 'Changed' } }));

/** Fails when something counts as delivered that the MES does not hold. */
function expectHeld(mes: EryxonSimulator, outcomes: readonly Outcome[], what: string): void {
  for (const { kind, change } of outcomes) {
    if (kind !== 'delivered') continue;
    const { entity, externalId, fields } = change.record;
    const held = mes.image()[tableOf(entity)].get(externalId);
    expect(held?.fields[texts[entity]], `${what}: ${entity} counts as delivered`).toBe(fields[texts[entity]]);
  }
}

describe.each(['classic', 'v060', 'main', 'repaired'] as const)(
  'an answer of Eryxon %s with status 200',
  (generation) => {
    const answer = (text: string) => async () => ({
      status: 200,
      headers: { 'content-type': 'application/json' },
      text,
    });

    it.each(answers)(
      'that holds %s never counts as success of a create, whichever request it answers',
      async (...row) => {
        for (let at = 1, last = 1; at <= last; at += 1) {
          const { mes, meddle, push, requests } = await startMeddledMes(generation);
          meddle(at, answer(row[1]));
          expectHeld(mes, await push(world), `request ${at}`);
          if (at === 1) last = Math.max(requests(), 15);
        }
      },
    );

    it.each(answers)(
      'that holds %s never counts as success of an update, whichever request it answers',
      async (...row) => {
        for (let at = 1, last = 1; at <= last; at += 1) {
          const { mes, meddle, push, requests } = await startMeddledMes(generation);
          await push(world);
          meddle(at, answer(row[1]));
          expectHeld(mes, await push(changed), `request ${at}`);
          if (at === 1) last = Math.max(requests(), 6);
        }
      },
    );
  },
);

import { expect, it } from 'vitest';
import { withBlockedKinds } from '../../src/app/blocked-kinds.ts';
import { expectEqual, openPlant } from '../support/plant.ts';

it('new jobs beyond the plan of the MES wait and tell why, what is known goes on, and all follows once there is room', async () => {
  const plant = await openPlant({ seed: 73, records: 120, deletes: false, bulk: false });
  const { mes, sap } = plant.sandbox;
  const told: string[] = [];
  plant.events.on('mes:full', ({ entity }) => void told.push(entity));
  const ready = async () => ({ ready: true, reasons: [] as string[] });

  mes.limit('jobs', 5);
  const first = await plant.pass();
  expect(first.map(({ outcome }) => outcome)).toEqual(first.map(() => 'ok'));
  expect(mes.counts()).toMatchObject({ jobs: 5 });
  expect(mes.counts().operations).toBeGreaterThan(0);
  expect(told).toEqual(['job']);
  expect(await withBlockedKinds(ready, plant.app().sink.ways)()).toMatchObject({
    ready: false,
    reasons: [expect.stringMatching(/^The plan of the MES has no room for new jobs \(HTTP 402 .*\)\. They wait/)],
  });

  mes.limit('jobs', Number.POSITIVE_INFINITY);
  await plant.reopen();
  plant.clock.skip(600_000);
  sap.play(5);
  plant.settle();
  await plant.passUntilDone();
  expectEqual(plant);
  expect(told).toEqual(['job']);
  expect(await withBlockedKinds(ready, plant.app().sink.ways)()).toEqual({ ready: true, reasons: [] });
});

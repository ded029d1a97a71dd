import '../simulation/disk.ts';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { createRandom, type Random } from '../../sandbox/random.ts';
import { TransientError } from '../../src/core/errors.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';

/** Bar 35. `DAYS=365 npx vitest run test/bars/bar-35` lives through a year. */
const days = Number(process.env['DAYS'] ?? 40);
const keys = 60;
const hourMs = 3_600_000;
const never = new AbortController().signal;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const heapMb = (): number => {
  collectGarbage();
  return process.memoryUsage().heapUsed / 1_048_576;
};

function job(key: string, at: Date, rest: { text: string; bad?: boolean; late?: boolean }): FakeRow {
  const { text, bad = false } = rest;
  const fields = { job_number: key, customer: text };
  const record = { entity: 'job', source, externalId: key, parents: {}, fields, lifecycle: 'active' } as const;
  const stamp = new Date(at.getTime() - (rest.late === true ? 2 * hourMs : 1000)).toISOString();
  return { key, stamp, records: [record], bad };
}

/** What people do in an hour: a few changes, now and then one that commits late, a row that cannot be read, a deletion. */
function work(rows: FakeRow[], at: Date, random: Random): void {
  for (let left = random.int(0, 4); left > 0; left -= 1) {
    const key = `job ${random.int(0, keys - 1)}`;
    if (random.chance(0.02)) {
      rows.splice(0, rows.length, ...rows.filter((row) => row.key !== key));
      continue;
    }
    const text = `as of ${at.toISOString()}`;
    put(rows, job(key, at, { text, bad: random.chance(0.02), late: random.chance(0.05) }));
  }
}

interface Sample {
  heapMb: number;
  ledgerKb: number;
  handles: number;
  timers: number;
}

function sampleOf({ clock, directory }: Rig): Sample {
  const bytes = ['ledger.db', 'ledger.db-wal', 'watermarks.json'].map((name) => {
    return statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  });
  const ledgerKb = bytes.reduce((sum, each) => sum + each, 0) / 1024;
  return {
    heapMb: heapMb(),
    ledgerKb,
    handles: process.getActiveResourcesInfo().length,
    timers: clock.pending(),
  };
}

/** Jobs that the MES does not hold as the ERP has them, once people rest and a sweep has looked twice. */
async function divergence(rig: Rig, rows: FakeRow[]): Promise<string[]> {
  for (const row of rows) row.bad = false;
  await rig.reconcile();
  await rig.store.retryDeadLetters({});
  await rig.run();
  await rig.reconcile();
  const texts = new Map(rows.map(({ key, records }) => [key, records[0]?.fields['customer']]));
  const differing: string[] = [];
  for (const { record } of [...rig.sink.held.values()]) {
    const { externalId, fields, lifecycle } = record;
    const wanted = texts.get(externalId);
    texts.delete(externalId);
    if (wanted === undefined ? lifecycle !== 'cancelled' : lifecycle !== 'active' || fields['customer'] !== wanted)
      differing.push(externalId);
  }
  return [...differing, ...texts.keys()];
}

it(`bar 35: ${days} days of polls each hour leave heap, files and handles flat, and the MES equal every day`, async () => {
  const random = createRandom(35);
  const rows: FakeRow[] = [];
  const stream = fakeStream(rows, { keys: keysOf(rows) });
  const rig = await openRig([stream]);
  // A share of the batches fails, as everywhere.
  rig.sink.before = () => {
    rig.sink.batches.length = 0;
    if (random.chance(0.05)) throw new TransientError('HTTP 503');
  };
  const samples: Sample[] = [];
  for (let hour = 0; hour < days * 24; hour += 1) {
    await rig.clock.advance(hourMs);
    rig.sourceNow.at = new Date(start.getTime() + (hour + 1) * hourMs);
    work(rows, rig.sourceNow.at, random);
    await rig.run({ manual: false });
    await rig.reconciler.runDue(new Map(), never);
    if (hour % 24 !== 23) continue;
    const { before } = rig.sink;
    rig.sink.before = () => undefined;
    expect(await divergence(rig, rows), `day ${Math.ceil(hour / 24)}`).toEqual([]);
    rig.sink.before = before;
    samples.push(sampleOf(rig));
  }
  const settled = samples.slice(Math.floor(days / 4));
  const [first, last] = [settled[0], settled.at(-1)];
  if (first === undefined || last === undefined) throw new Error('Too few days.');
  const hours = settled.length * 24;
  expect((last.heapMb - first.heapMb) / hours).toBeLessThan(0.01);
  expect(last.heapMb - first.heapMb).toBeLessThan(8);
  expect(last.ledgerKb).toBeLessThan(1.5 * first.ledgerKb);
  expect(last.handles).toBeLessThanOrEqual(first.handles);
  expect(last.timers).toBe(first.timers);
}, 900_000);

import { describe, expect, it } from 'vitest';
import { compareImages } from '../../sandbox/compare.ts';
import { type ImageRecord, type MesImage, type Table, tables } from '../../sandbox/types.ts';
import { TransientError } from '../../src/core/errors.ts';
import type { StreamResult } from '../../src/core/events.ts';
import type { Change, Entity } from '../../src/core/types.ts';
import { openRig, type Rig } from '../support/pass-rig.ts';
import type { Erp } from './adapters/adapter.ts';
import { atEnd, begin, createKit, type Exemptions, pairs, type Start } from './connector-kit.ts';
import { misfits } from './mes-schema.ts';

/** The connectors under the real passes and the real state, into a MES in memory that is compared with the oracle of each ERP. */

const exemptions: Exemptions = {
  'what is dated centuries ahead, and does not believe it': {
    frepple: 'its stamps are of its own clock, never of a user',
  },
};

const tableOf: Record<Entity, Table> = {
  cell: 'cells',
  resource: 'resources',
  job: 'jobs',
  part: 'parts',
  operation: 'operations',
};

interface Line {
  erp: Erp;
  rig: Rig;
  /** Cycles until all streams came through, at least two: what one finds late the next one settles. */
  sync(): Promise<StreamResult[]>;
  /** Everything played is there to be read. */
  settle(): void;
  /** In what the MES is not as the ERP implies, and what it would not have taken. */
  differences(): string[];
  /** How the MES holds a record. */
  held(table: Table, externalId: string): ImageRecord | undefined;
}

async function openLine(pair: (typeof pairs)[number], options: Start = {}): Promise<Line> {
  const { erp, session } = await begin(pair, options);
  const { source, clock, edition } = session;
  const rig = await openRig(session.streams, undefined, { source, clock, ...(edition && { edition }) });
  atEnd(() => rig.store.close());
  const refused = new Set<string>();
  rig.sink.verdict = ({ record }) => {
    for (const misfit of misfits(record)) refused.add(misfit);
    return undefined;
  };
  const image = () => imageOf(rig.sink.held);
  return {
    erp,
    rig,
    async sync() {
      for (let cycle = 0, good = 0; cycle < 400; cycle += 1) {
        const results = await rig.run();
        // What is set aside for its content does not hold the others up.
        good = results.every(({ outcome }) => outcome === 'ok' || outcome === 'refused') ? good + 1 : 0;
        if (good < 2) continue;
        erp.checkpoint();
        return results;
      }
      throw new Error('The streams do not come through.');
    },
    settle() {
      erp.settle();
      erp.advance(settledMs);
    },
    differences() {
      const { differences } = compareImages(erp.expected(), image(), erp.optional());
      return [...differences, ...heldBack(erp, image()), ...refused];
    },
    held: (table, externalId) => image()[table].get(externalId),
  };
}

/** Longer than settle time, overlap and any late commit. */
const settledMs = 30 * 60_000;

function imageOf(held: ReadonlyMap<string, Change>): MesImage {
  const image = Object.fromEntries(tables.map((table) => [table, new Map<string, ImageRecord>()])) as MesImage;
  for (const { record } of held.values()) {
    const { job, part, cell } = record.parents;
    const fields = {
      ...record.fields,
      ...(job !== undefined && { job_external_id: job }),
      ...(part !== undefined && { part_external_id: part }),
      ...(cell !== undefined && { cell_name: held.get(`cell/${cell}`)?.record.fields['name'] ?? null }),
    };
    const onHold = record.lifecycle === 'cancelled' ? { onHold: true as const } : {};
    image[tableOf[record.entity]].set(record.externalId, { externalId: record.externalId, fields, ...onHold });
  }
  return image;
}

/** What is on hold without the ERP implying it. */
function heldBack(erp: Erp, image: MesImage): string[] {
  const expected = erp.expected();
  const optional = erp.optional();
  return (['jobs', 'parts', 'operations'] as const).flatMap((table) =>
    [...image[table]]
      .filter(([id, { onHold }]) => onHold && !expected[table].get(id)?.onHold && !optional.has(`${table}/${id}`))
      .map(([id]) => `${table}/${id} is on hold`),
  );
}

/** Runs that end after two batches each, until one comes through; resolves to how many there were. */
async function killAgainAndAgain({ rig }: Line): Promise<number> {
  let delivered = 0;
  rig.sink.before = () => {
    delivered += 1;
    if (delivered > 2) throw new TransientError('The MES is gone.');
  };
  for (let runs = 1; runs < 300; runs += 1) {
    delivered = 0;
    const results = await rig.run();
    if (results.some(({ outcome }) => outcome !== 'ok' && outcome !== 'refused')) continue;
    rig.sink.before = () => undefined;
    return runs;
  }
  throw new Error('It never comes through.');
}

async function reconcileTwice({ rig }: Line): Promise<void> {
  for (let sweep = 0; sweep < 2; sweep += 1) {
    const results = await rig.reconcile({ release: true });
    expect(results.map(({ error }) => error)).toEqual(results.map(() => undefined));
  }
}

const kit = createKit(exemptions);

describe.each(pairs)('the connector $type', (pair) => {
  const contract = kit.contractOf(pair.type);

  describe.each(Object.keys(pair.adapter.variants))('delivers (%s)', (variant) => {
    contract('just what the ERP implies, and nothing more while nothing changes', async () => {
      const line = await openLine(pair, { variant, all: { pageSize: 60 } });
      await line.sync();
      expect(line.differences()).toEqual([]);
      const sent = line.rig.sink.batches.length;
      line.erp.advance(2 * 3_600_000);
      await line.sync();
      await line.rig.run({ full: true });
      expect(line.rig.sink.batches).toHaveLength(sent);
    });

    contract('a history as it goes on, with its ties, late commits and rows of the far future', async () => {
      const line = await openLine(pair, { variant, all: { pageSize: 40 }, erp: { records: 250 } });
      await line.sync();
      for (let round = 0; round < 5; round += 1) {
        line.erp.play(40);
        line.erp.advance(90_000);
        await line.sync();
      }
      line.settle();
      await line.sync();
      expect(line.differences()).toEqual([]);
      expect(line.erp.writes()).toBe(0);
    });

    contract('rows that change between the pages', async () => {
      const line = await openLine(pair, { variant, all: { pageSize: 9 }, erp: { records: 200 } });
      await line.sync();
      let playing = true;
      line.rig.events.on('page:committed', () => {
        if (playing) line.erp.play(1);
      });
      for (const full of [true, false, true]) {
        line.erp.checkpoint();
        await line.rig.run({ full });
        line.erp.advance(60_000);
      }
      playing = false;
      line.settle();
      await line.sync();
      expect(line.differences()).toEqual([]);
    });

    contract('although it is killed behind every page', async () => {
      const line = await openLine(pair, { variant, all: { pageSize: 12 }, erp: { records: 200 } });
      expect(await killAgainAndAgain(line)).toBeGreaterThan(8);
      line.erp.checkpoint();
      line.erp.play(80);
      line.settle();
      expect(await killAgainAndAgain(line)).toBeGreaterThan(2);
      await line.sync();
      expect(line.differences()).toEqual([]);
    });

    contract('what is dated centuries ahead, and does not believe it', async () => {
      const line = await openLine(pair, { variant, erp: { records: 200 } });
      await line.sync();
      line.erp.playFuture();
      line.settle();
      await line.sync();
      expect(line.differences()).toEqual([]);
      line.erp.play(40);
      line.settle();
      const results = await line.sync();
      expect(line.differences()).toEqual([]);
      const years = results.map(({ watermark }) => Number(watermark.after?.slice(0, 4) ?? 0));
      expect(Math.max(...years)).toBeLessThan(2100);
    });
  });

  contract('sees what the ERP flags as cancelled', async () => {
    const line = await openLine(pair, { erp: { records: 300 } });
    await line.sync();
    const { table } = pair.adapter;
    let externalId = line.erp.playCancelled();
    while (line.held(table, externalId) === undefined) externalId = line.erp.playCancelled();
    line.settle();
    await line.sync();
    expect(line.held(table, externalId)?.onHold).toBe(line.erp.expected()[table].get(externalId)?.onHold);
    expect(line.differences()).toEqual([]);
  });

  contract('sees by its parent that a child is gone, and by reconciling that a record is', async () => {
    const line = await openLine(pair, { erp: { records: 300, deletes: true } });
    await line.sync();
    let [table, externalId] = line.erp.playDeleted();
    while (line.held(table, externalId) === undefined) [table, externalId] = line.erp.playDeleted();
    line.erp.play(60);
    line.settle();
    await line.sync();
    await reconcileTwice(line);
    await line.sync();
    await line.sync();
    expect(line.differences()).toEqual([]);
    expect(line.erp.expected()[table].get(externalId)).toBeDefined();
  });

  contract('concludes nothing from whole reads of streams that say reconcile: false', async () => {
    const line = await openLine(pair, { all: { reconcile: false }, erp: { records: 300, deletes: true } });
    await line.sync();
    let [table, externalId] = line.erp.playDeleted();
    // The read of an order judges its operations, whatever is reconciled.
    while (table === 'operations' || line.held(table, externalId) === undefined)
      [table, externalId] = line.erp.playDeleted();
    const before = line.held(table, externalId)?.onHold;
    line.settle();
    for (let read = 0; read < 3; read += 1) {
      await line.rig.run({ full: true });
      await line.rig.clock.advance(settledMs);
      line.erp.advance(settledMs);
    }
    expect(line.held(table, externalId)?.onHold).toBe(before);
  });

  it.each(['2026-03-28T22:40:00Z', '2026-10-24T22:40:00Z'])(
    'loses nothing in the night from %s, in which clocks change',
    async (at) => {
      const line = await openLine(pair, { erp: { records: 120, startAt: new Date(at) } });
      await line.sync();
      for (let round = 0; round < 14; round += 1) {
        line.erp.play(8);
        line.erp.advance(15 * 60_000);
        await line.sync();
      }
      line.settle();
      await line.sync();
      expect(line.differences()).toEqual([]);
    },
  );

  it.each(['America/Chicago', 'Pacific/Auckland', 'Asia/Kolkata'])(
    'reads the same times on a machine in %s',
    async (zone) => {
      const before = process.env['TZ'];
      process.env['TZ'] = zone;
      atEnd(() => {
        if (before === undefined) delete process.env['TZ'];
        else process.env['TZ'] = before;
      });
      expect(new Date(2026, 0, 1).toISOString()).not.toBe('2026-01-01T00:00:00.000Z');
      const line = await openLine(pair, { erp: { records: 120 } });
      await line.sync();
      line.erp.play(30);
      line.settle();
      await line.sync();
      expect(line.differences()).toEqual([]);
    },
  );
});

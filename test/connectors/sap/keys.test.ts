import { describe, expect, it } from 'vitest';
import type { KeyRow, Stream } from '../../../src/connectors/connector.ts';
import { openPlant, type Settings } from '../../support/plant.ts';

const signal = new AbortController().signal;

async function keysOf(stream: Stream): Promise<KeyRow[]> {
  const keys: KeyRow[] = [];
  for await (const page of stream.keys?.read(signal) ?? []) {
    expect(page.unreadable).toBe(0);
    keys.push(...page.keys);
  }
  return keys;
}

/** `<entity>/<externalId>@<stamp>` of every record, once from the keys and once from whole rows. */
async function bothWays(stream: Stream): Promise<{ keys: string[]; rows: string[] }> {
  const keys = (await keysOf(stream)).flatMap(({ refs, stamp }) =>
    refs.map(({ entity, externalId }) => `${entity}/${externalId}@${stamp}`),
  );
  const rows: string[] = [];
  for await (const page of stream.read({ mode: 'full' }, undefined, signal)) {
    for (const row of await stream.map(page.rows)) {
      if (row.kind !== 'good') continue;
      for (const { entity, externalId, onlyIfKnown } of row.records) {
        if (onlyIfKnown !== true) rows.push(`${entity}/${externalId}@${row.stamp}`);
      }
    }
  }
  return { keys: keys.sort(), rows: rows.sort() };
}

const cases: { what: string; settings: Settings }[] = [
  { what: 'V2 services', settings: {} },
  { what: 'V4 services', settings: { connector: { odata: 'v4' } } },
  { what: 'pages of three rows', settings: { streams: { all: { pageSize: 3 } } } },
];

describe.each(cases)('the keys of $what', ({ settings }) => {
  it('name the very records that whole rows are mapped to, with their stamps', async () => {
    const plant = await openPlant({ seed: 3, records: 120 }, settings);
    const { session } = plant.app().connectors.get('plant') ?? { session: { streams: [] } };
    expect(session.streams).toHaveLength(5);
    for (const stream of session.streams) {
      const { keys, rows } = await bothWays(stream);
      expect(keys, stream.name).toEqual(rows);
      expect(keys.length, stream.name).toBeGreaterThan(0);
    }
  });

  it('lead back to their whole rows, one and many at a time', async () => {
    const plant = await openPlant({ seed: 3, records: 120 }, settings);
    for (const stream of plant.app().connectors.get('plant')?.session.streams ?? []) {
      for await (const page of stream.keys?.read(signal) ?? []) {
        for (const wanted of [page.keys.slice(-1), page.keys]) {
          const mapped = await stream.map((await stream.keys?.rows(page, wanted, signal)) ?? []);
          const found = mapped.flatMap((row) =>
            row.kind === 'good' ? row.records.filter((each) => !each.onlyIfKnown) : [],
          );
          const ids = (refs: readonly { externalId: string }[]) => refs.map(({ externalId }) => externalId).sort();
          expect(ids(found)).toEqual(ids(wanted.flatMap(({ refs }) => refs)));
        }
      }
    }
  });
});

describe('keys', () => {
  it('tell which rows do not pass `when`, from the properties that it reads', async () => {
    const streams = { 'sales-orders': { when: '$number(SalesOrder) % 2 = 0' } };
    const plant = await openPlant({ seed: 3, records: 200 }, { streams });
    const stream = plant
      .app()
      .connectors.get('plant')
      ?.session.streams.find(({ name }) => name === 'sales-orders');
    const keys = await keysOf(stream as Stream);
    const { rows } = await bothWays(stream as Stream);
    expect(keys.some(({ leftOut }) => leftOut)).toBe(true);
    expect(keys.filter(({ leftOut }) => !leftOut)).toHaveLength(rows.length);
  });
});

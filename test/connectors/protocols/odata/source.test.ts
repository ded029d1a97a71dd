import { describe, expect, it } from 'vitest';
import type { ODataClient } from '../../../../src/connectors/protocols/odata/client.ts';
import { createODataSource, type ODataSourceOptions } from '../../../../src/connectors/protocols/odata/source.ts';
import type { ODataQuery } from '../../../../src/connectors/protocols/odata/url.ts';
import { ConfigError, PermanentError, TransientError } from '../../../../src/core/errors.ts';
import { never } from '../../../support/connector-context.ts';

interface Double {
  client: ODataClient;
  queries: ODataQuery[];
  /** The sets whose `$metadata` was asked for. */
  described: string[];
}

const types: [string, string][] = [
  ['Id', 'Edm.String'],
  ['Parent', 'Edm.String'],
  ['Stamp', 'Edm.DateTimeOffset'],
  ['ValidTo', 'Edm.DateTime'],
  ['Text', 'Edm.String'],
  ['Extra', 'Edm.String'],
];

function createDouble(answer: (query: ODataQuery) => unknown[] | Promise<unknown[]> = () => []): Double {
  const queries: ODataQuery[] = [];
  const described: string[] = [];
  const client: ODataClient = {
    async rows(query) {
      queries.push(query);
      return answer(query);
    },
    count: async ({ filter }) => (filter === undefined ? 12 : 5),
    async propertyTypes(service, set) {
      described.push(`${service} ${set}`);
      return new Map(types);
    },
    now: () => new Date('2026-10-01T23:30:00Z'),
  };
  return { client, queries, described };
}

function createSource({ client }: Double, own: Partial<ODataSourceOptions> = {}) {
  return createODataSource({
    name: 'plant-1/things',
    client,
    version: 'v2',
    path: '/sap/SRV/Things',
    key: ['Id'],
    stamp: 'Stamp',
    stampKind: 'timestamp',
    pageSize: 2,
    filter: undefined,
    validTo: undefined,
    parent: 'Parent',
    properties: ['Id', 'Text'],
    extraProperties: async () => [],
    readings: async () => [],
    keyProperties: async () => [],
    mapKeys: async () => [],
    maxConcurrency: 1,
    ...own,
  });
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('preparing a source', () => {
  it('names stream, path and every property that the service lacks, and what to do', async () => {
    const source = createSource(createDouble(), { key: ['Id', 'Missing'], properties: ['Text', 'Gone'] });
    const error = await source.prepare(never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.map(({ text }) => text)).toEqual(
      ['Missing', 'Gone'].map(
        (name) =>
          `plant-1/things: /sap/SRV/Things has no property ${name} on this system. Name the property that holds it ` +
          'under streams.<stream>.properties, or set it to null there to leave it out.',
      ),
    );
  });

  it.each([{ stamp: 'Nope' }, { validTo: 'Nope' }, { parent: 'Nope' }])('looks for %j too', async (own) => {
    await expect(createSource(createDouble(), own).prepare(never)).rejects.toThrow('no property Nope');
  });

  it('reads $metadata once, and again after it could not be read', async () => {
    const double = createDouble();
    const describeSet = double.client.propertyTypes;
    double.client.propertyTypes = async () => {
      throw new TransientError('Down.');
    };
    const source = createSource(double);
    await expect(source.prepare(never)).rejects.toThrow('Down.');
    double.client.propertyTypes = describeSet;
    await source.prepare(never);
    await source.sample(never);
    await all(source.read({ mode: 'full' }, undefined, never));
    expect(double.described).toEqual(['/sap/SRV Things']);
  });

  it('asks only for what is mapped, and for what an expression may read if the service has it', async () => {
    const double = createDouble();
    const source = createSource(double, { extraProperties: async () => ['Extra', 'Text', 'sum', 'Unknown'] });
    await source.sample(never);
    expect(double.queries[0]?.select).toEqual(['Id', 'Stamp', 'Parent', 'Text', 'Extra']);
  });
});

describe("the operator's own mapping", () => {
  const reading = { setting: 'when', all: ['Text', 'Nope'], ofRow: ['Text', 'Nope'], doubtful: [], takesRow: false };
  const notes = { ...reading, setting: 'fields.notes', ofRow: ['Gone'] };
  const doubting = { ...reading, ofRow: ['__metadata', '@odata.etag'], doubtful: ['Text', 'Price'], takesRow: true };

  it('that reads what the service lacks is refused, by stream, setting, entity set and property', async () => {
    const source = createSource(createDouble(), { readings: async () => [notes, reading] });
    const error = await source.prepare(never).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).problems.map(({ text }) => text)).toEqual([
      'plant-1/things: fields.notes reads Gone, which /sap/SRV/Things does not have. Write it as $metadata of the service does.',
      'plant-1/things: when reads Nope, which /sap/SRV/Things does not have. Write it as $metadata of the service does.',
    ]);
    await expect(all(source.read({ mode: 'full' }, undefined, never))).rejects.toThrow(ConfigError);
  });

  it('of which that cannot be told is read, and named to who asks', async () => {
    const source = createSource(createDouble(), { readings: async () => [doubting] });
    await source.prepare(never);
    expect(await source.doubts(never)).toEqual([
      'when names Price, which /sap/SRV/Things does not have; it may not be meant as one of its own.',
      'when uses the row as a whole, of which only what is named somewhere is read.',
    ]);
  });
});

describe('a stamp whose kind does not fit its EDM type', () => {
  it.each([
    ['timestamp', 'Text', 'Edm.String'],
    ['second', 'Text', 'Edm.String'],
    ['date', 'Text', 'Edm.String'],
    ['char14', 'Stamp', 'Edm.DateTimeOffset'],
  ] as const)('is refused before it finds nothing for ever: %s on %s of %s', async (stampKind, stamp, type) => {
    const task = createSource(createDouble(), { stamp, stampKind }).prepare(never);
    await expect(task).rejects.toThrow(ConfigError);
    await expect(task).rejects.toThrow(
      `plant-1/things: stampKind ${stampKind} does not fit ${stamp}, which is ${type} on this system.`,
    );
  });
});

describe('rows that are kept in segments of time', () => {
  it("are asked for from the server's today on, in every query", async () => {
    const double = createDouble();
    const source = createSource(double, { validTo: 'ValidTo', filter: "Text eq 'x' or Text eq 'y'" });
    await source.sample(never);
    await all(source.read({ mode: 'full' }, undefined, never));
    await source.newest('2026-10-01T00:00:00.000Z', never);
    await all(source.readChildren(['1'], never));
    const valid = "ValidTo ge datetime'2026-10-01T00:00:00'";
    const both = `(Text eq 'x' or Text eq 'y') and ${valid}`;
    expect(double.queries.map(({ filter }) => filter)).toEqual([
      both,
      both,
      `(${both}) and Stamp le datetimeoffset'2026-10-01T00:00:00Z'`,
      `(${both}) and Parent eq '1'`,
    ]);
    expect(await source.count(never)).toBe(5);
  });
});

describe('the newest stamp', () => {
  it('is asked for with one row, newest first, up to the limit', async () => {
    const double = createDouble(() => [{ Id: '1', Stamp: '/Date(1790841600123+0000)/' }]);
    expect(await createSource(double).newest('2026-10-01T09:00:00.000Z', never)).toBe('2026-10-01T08:00:00.123Z');
    expect(double.queries[0]).toMatchObject({
      filter: "Stamp le datetimeoffset'2026-10-01T09:00:00Z'",
      orderBy: 'Stamp desc',
      top: 1,
    });
  });

  it('is null where there are no rows', async () => {
    expect(await createSource(createDouble()).newest('2026-10-01T09:00:00.000Z', never)).toBeNull();
  });
});

describe('children', () => {
  const parents = Array.from({ length: 65 }, (_, index) => `P'${index}`);

  it('are read for thirty parents a request, each page complete for the parents it names', async () => {
    const double = createDouble();
    const pages = await all(createSource(double).readChildren(parents, never));
    expect(pages.map((page) => page.parents)).toEqual([parents.slice(0, 30), parents.slice(30, 60), parents.slice(60)]);
    expect(double.queries[2]?.filter).toBe(
      "Parent eq 'P''60' or Parent eq 'P''61' or Parent eq 'P''62' or Parent eq 'P''63' or Parent eq 'P''64'",
    );
    expect(double.queries.every(({ orderBy }) => orderBy === 'Id')).toBe(true);
  });

  it('of many rows come over as many pages as it takes, as one', async () => {
    const rows = Array.from({ length: 5 }, (_, index) => ({ Id: String(index), Parent: 'P' }));
    const double = createDouble(({ filter = '', top }) => {
      const behind = Number(/Id gt '(\d+)'/.exec(filter)?.[1] ?? -1);
      return rows.slice(behind + 1, behind + 1 + top);
    });
    expect(await all(createSource(double).readChildren(['P'], never))).toEqual([{ rows, parents: ['P'] }]);
    expect(double.queries.map(({ filter }) => filter)).toEqual([
      "Parent eq 'P'",
      "Parent eq 'P' and Id gt '1'",
      "Parent eq 'P' and Id gt '3'",
    ]);
  });

  it('of no parents are not asked for', async () => {
    const double = createDouble();
    expect(await all(createSource(double).readChildren([], never))).toEqual([]);
    expect(double.queries).toEqual([]);
  });

  it('are read side by side up to maxConcurrency, and come in order', async () => {
    let [running, most] = [0, 0];
    const double = createDouble(async () => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      return [];
    });
    const pages = await all(createSource(double, { maxConcurrency: 2 }).readChildren(parents, never));
    expect(most).toBe(2);
    expect(pages.flatMap((page) => page.parents)).toEqual(parents);
  });

  it('that cannot be read are an error, never an empty page', async () => {
    const double = createDouble(() => {
      throw new TransientError('Down.');
    });
    await expect(all(createSource(double).readChildren(['P'], never))).rejects.toThrow('Down.');
  });
});

describe('key and stamp of a row', () => {
  const source = createSource(createDouble(), { key: ['Id', 'Number'] });

  it('are texts', () => {
    const row = { Id: 'A', Number: 5, Stamp: '/Date(1790841600123)/' };
    expect([source.keyOf(row), source.stampOf(row)]).toEqual(['A,5', '2026-10-01T08:00:00.123Z']);
  });

  it.each([null, 5, 'x', [], {}, { Id: 'A' }, { Id: 'A', Number: null }, { Id: {}, Number: 1 }])(
    'are none of %j',
    (row) => {
      expect(source.keyOf(row)).toBeUndefined();
      expect(source.stampOf(row)).toBeNull();
    },
  );
});

describe('a cursor that was damaged', () => {
  it.each(["x' or 1 eq 1", { a: 1 }, null])('cannot leave its literal: %j', async (value) => {
    const double = createDouble();
    const reading = all(createSource(double).read({ mode: 'full' }, { by: 'key', key: [value] }, never));
    if (typeof value === 'string') {
      await reading;
      expect(double.queries[0]?.filter).toBe("Id gt 'x'' or 1 eq 1'");
    } else {
      await expect(reading).rejects.toThrow(PermanentError);
    }
  });
});

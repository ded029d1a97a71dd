import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { Page } from '../../src/connectors/connector.ts';
import { connectors } from '../../src/connectors/index.ts';
import { type DatedKind, shiftStamp, stampAt } from '../../src/core/stamp.ts';
import type { Finding } from '../../src/core/types.ts';
import { never } from '../support/connector-context.ts';
import { adapters } from './adapters/index.ts';
import {
  atEnd,
  begin,
  createKit,
  type Exemptions,
  expectedIds,
  idsByStops,
  idsOf,
  open,
  pairs,
  start,
  streamOf,
  windowOf,
} from './connector-kit.ts';

const unordered = 'its lists have no pages and no order: a pass that was stopped reads them again';
const exemptions: Exemptions = {
  'goes on behind every page it was stopped at': { frepple: unordered },
  'loses none of the records that share a stamp over several pages, wherever it is stopped': { frepple: unordered },
  'finds the newest stamp up to a limit': {
    frepple: 'nothing can be ordered, and nobody asks streams of instants for it',
  },
  'lists its keys by themselves, and brings whole rows of some': {
    frepple: 'keys cost as much as whole rows',
    netsuite: 'keys alone cost as many queries as whole rows, which also show what moved no stamp',
  },
};

it('every connector has an adapter, and every adapter a connector', () => {
  expect(adapters.map(({ type }) => type).sort()).toEqual(connectors.map(({ type }) => type).sort());
});

const kit = createKit(exemptions);

describe.each(pairs)('the connector $type', (pair) => {
  const { connector, adapter } = pair;
  const contract = kit.contractOf(pair.type);
  const variants = Object.keys(adapter.variants);

  contract('opens no socket before it is prepared', async () => {
    const { erp, session } = await begin(pair);
    expect(session.streams.length).toBeGreaterThan(0);
    expect(erp.requests().total).toBe(0);
    await session.prepare(never);
    expect(erp.requests().total).toBeGreaterThan(0);
  });

  contract('names only streams that it has as needs, parents first', async () => {
    const { session } = await begin(pair);
    const names = session.streams.map(({ name }) => name);
    for (const [child, parents] of Object.entries(connector.needs)) {
      for (const parent of parents) expect(names.indexOf(parent)).toBeLessThan(names.indexOf(child));
    }
    for (const { childStream } of session.streams) if (childStream !== null) expect(names).toContain(childStream);
  });

  describe('check', () => {
    it.each(variants)('finds nothing wrong with good settings: %s', async (variant) => {
      const { session } = await begin(pair, { variant });
      const findings = await session.check(never);
      expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
      const places = [...session.streams.map(({ name }) => `plant-1/${name}`), 'plant-1'];
      expect(findings.map(({ where }) => where)).toEqual(expect.arrayContaining(places));
    });

    /** What `check` finds first with bad settings. */
    async function found({ own, erp: setUp }: (typeof adapter.bad)[number]): Promise<Finding | undefined> {
      const erp = await adapter.start({ ...Object.values(adapter.variants)[0]?.erp, ...setUp });
      atEnd(erp.stop);
      const session = await open(connector, erp.settings(own), erp.now());
      const findings = await session.check(never);
      for (const secret of erp.secrets) expect(JSON.stringify(findings)).not.toContain(secret);
      return findings.find(({ level }) => level === 'error') ?? findings.find(({ level }) => level === 'warning');
    }

    it.each(adapter.bad)('tells $what by its own text', async (bad) => {
      const { code, text } = bad;
      expect(await found(bad)).toMatchObject({
        code,
        text: expect.stringMatching(text),
        todo: expect.stringMatching(/\.$/),
      });
    });

    it('says of no two mistakes the same', async () => {
      const texts = await Promise.all(adapter.bad.map(async (bad) => (await found(bad))?.text));
      expect(new Set(texts).size).toBe(adapter.bad.length);
      expect(adapter.bad.length).toBeGreaterThan(3);
    });

    contract('tells clocks that differ', async () => {
      const { erp } = await start(adapter);
      const session = await open(connector, erp.settings(), new Date(erp.now().getTime() - 3_600_000));
      const findings = await session.check(never);
      expect(findings).toContainEqual(expect.objectContaining({ code: 'clock-skewed', level: 'warning' }));
    });

    contract('is no error of the stream when it is called off', async () => {
      const { session } = await begin(pair);
      const gone = AbortSignal.abort(new Error('Called off.'));
      await expect(session.check(gone)).rejects.toThrow('Called off.');
    });
  });

  contract('puts no secret anywhere into any error, however deep', async () => {
    let thrown = 0;
    for (const { own, erp: setUp } of adapter.bad) {
      const erp = await adapter.start({ ...Object.values(adapter.variants)[0]?.erp, ...setUp });
      atEnd(erp.stop);
      const session = await open(connector, erp.settings(own), erp.now());
      const reading = async () => {
        await session.prepare(never);
        for (const stream of session.streams) await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
      };
      await reading().catch((error: unknown) => {
        thrown += 1;
        const text = `${error} ${(error as Error).stack} ${inspect(error, { depth: 20 })}`;
        for (const secret of erp.secrets) expect(text).not.toContain(secret);
      });
    }
    expect(thrown).toBeGreaterThan(2);
  });

  describe.each(variants)('reading (%s)', (variant) => {
    contract('brings everything the first time', async () => {
      const { erp, stream } = await begin(pair, { variant, stream: { pageSize: 50 } });
      const pages: Page[] = [];
      for await (const page of stream.read({ mode: 'full' }, undefined, never)) pages.push(page);
      const rows = pages.flatMap((page) => page.rows);
      const ids = await idsOf(stream, fromPages(pages));
      expect(new Set(ids)).toEqual(expectedIds(erp, adapter));
      expect(ids).toHaveLength(new Set(ids).size);
      expect([rows.length, null]).toContain(await stream.count(never));
    });

    contract('goes on behind every page it was stopped at', async () => {
      const { erp, stream } = await begin(pair, { variant, stream: { pageSize: 20 } });
      const whole = await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
      expect(await idsByStops(stream, { mode: 'full' }, never)).toEqual(whole);
      expect(expectedIds(erp, adapter).size).toBe(whole.length);
    });

    contract('brings what changed, then nothing once the overlap has passed', async () => {
      const { erp, stream, session } = await begin(pair, { variant, stream: { pageSize: 7 } });
      await session.prepare(never);
      const before = expectedIds(erp, adapter);
      erp.play(150);
      erp.settle();
      const optional = erp.optional();
      const created = [...expectedIds(erp, adapter)].filter(
        (id) => !before.has(id) && !optional.has(`${adapter.table}/${id}`),
      );
      expect(created.length).toBeGreaterThan(0);
      const changed = await idsOf(stream, stream.read(windowOf(stream, erp, 3600), undefined, never));
      expect(changed).toEqual(expect.arrayContaining(created));
      erp.advance(7_200_000);
      const { future: _dated, ...quiet } = windowOf(stream, erp, 600);
      expect(await idsOf(stream, stream.read(quiet, undefined, never))).toEqual([]);
    });

    contract('loses none of the records that share a stamp over several pages, wherever it is stopped', async () => {
      const { erp, stream } = await begin(pair, { variant, stream: { pageSize: 3 } });
      const tied = erp.playTie();
      expect(tied).toBeGreaterThan(6);
      const asked = windowOf(stream, erp, 0);
      const pages: Page[] = [];
      for await (const page of stream.read(asked, undefined, never)) pages.push(page);
      expect(pages.flatMap(({ rows }) => rows).length).toBeGreaterThanOrEqual(tied);
      const whole = new Set(await idsOf(stream, fromPages(pages)));
      expect(new Set(await idsByStops(stream, asked, never))).toEqual(whole);
    });

    contract('sees a late commit inside the overlap', async () => {
      const { erp, stream } = await begin(pair, { variant });
      const { externalId, visibleAt } = erp.playLate();
      const asked = () => windowOf(stream, erp, stream.overlapSeconds);
      expect(await idsOf(stream, stream.read(asked(), undefined, never))).not.toContain(externalId);
      erp.advance(visibleAt.getTime() - erp.now().getTime());
      expect(await idsOf(stream, stream.read(asked(), undefined, never))).toContain(externalId);
    });

    contract('finds the newest stamp up to a limit', async () => {
      const { erp, stream } = await begin(pair, { variant });
      erp.playTie();
      const kind = stream.stampKind as DatedKind;
      const limit = shiftStamp(kind, stampAt(kind, erp.now(), stream.stampZone), 1);
      const newest = await stream.newest(limit, never);
      expect(newest).not.toBeNull();
      expect(newest && newest <= limit && newest >= shiftStamp(kind, limit, -2)).toBe(true);
    });

    contract('lists its keys by themselves, and brings whole rows of some', async () => {
      const { erp, stream } = await begin(pair, { variant, stream: { pageSize: 30 } });
      if (stream.keys === null) throw new Error(`${stream.name} has no keys to be read.`);
      const listed: string[] = [];
      for await (const page of stream.keys.read(never)) {
        const wanted = page.keys.filter(({ leftOut }) => !leftOut);
        expect(page.unreadable).toBe(0);
        const own = wanted.flatMap(({ refs }) => refs).filter(({ entity }) => entity === stream.entity);
        listed.push(...own.map(({ externalId }) => externalId));
        const some = wanted.filter((_key, index) => index % 7 === 0);
        const rows = await stream.keys.rows(page, some, never);
        expect((await idsOf(stream, fromPages([{ rows, cursor: null }]))).sort()).toEqual(
          some.map(({ refs }) => refs.find(({ entity }) => entity === stream.entity)?.externalId).sort(),
        );
      }
      expect(new Set(listed)).toEqual(expectedIds(erp, adapter));
    });

    contract('never writes to the ERP', async () => {
      const { erp, session } = await begin(pair, { variant });
      await session.check(never);
      for (const stream of session.streams) {
        await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
        await stream.count(never);
        for await (const _page of stream.children?.read(['1'], never) ?? []);
        for await (const _page of stream.keys?.read(never) ?? []);
      }
      await session.clock(never);
      expect(erp.requests().total).toBeGreaterThan(10);
      expect(erp.writes()).toBe(0);
    });
  });

  contract("keeps the ERP's time, whatever this machine's", async () => {
    const { erp } = await start(adapter);
    const session = await open(connector, erp.settings(), new Date('2001-01-01T00:00:00Z'));
    const skewMs = Math.abs((await session.clock(never)).getTime() - erp.now().getTime());
    expect(skewMs).toBeLessThanOrEqual(1000);
  });

  contract('keeps its memory flat over two hundred thousand rows', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed / 1_048_576;
    };
    const large = await adapter.startLarge(200_000);
    atEnd(large.stop);
    const session = await open(connector, { ...large.settings, streams: { [adapter.stream]: { pageSize: 1000 } } });
    const stream = streamOf(session, adapter.stream);
    let rows = 0;
    let early = 0;
    let most = 0;
    for await (const page of stream.read({ mode: 'full' }, undefined, never)) {
      rows += (await stream.map(page.rows)).length;
      if (rows % 20_000 !== 0) continue;
      if (early === 0) early = heap();
      else most = Math.max(most, heap());
    }
    expect(rows).toBe(200_000);
    expect(most - early).toBeLessThan(4);
  });
});

async function* fromPages<T>(pages: readonly T[]): AsyncGenerator<T> {
  yield* pages;
}

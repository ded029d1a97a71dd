import { inspect } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';
import type { ConnectorSession, Page, Stream } from '../../src/connectors/define.ts';
import { connectors } from '../../src/connectors/index.ts';
import { type DatedKind, shiftStamp, stampAt } from '../../src/core/stamp.ts';
import type { Window } from '../../src/core/types.ts';
import { createHastyClock, createStrictBus, never } from '../connectors/support.ts';
import type { Adapter, Erp } from './adapters/adapter.ts';
import { adapters } from './adapters/index.ts';

const endings: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

type AnyConnector = (typeof connectors)[number];

async function open(connector: AnyConnector, settings: object, now?: Date): Promise<ConnectorSession> {
  const parsed = await connector.settings.parseAsync(settings);
  const clock = createHastyClock(now);
  const context = { name: 'plant-1', clock, events: createStrictBus(), random: () => 0, attempts: 5 };
  const session = connector.open(parsed as never, context);
  endings.push(() => session.close());
  return session;
}

function streamOf(session: ConnectorSession, name: string): Stream {
  const stream = session.streams.find((candidate) => candidate.name === name);
  if (stream === undefined) throw new Error(`${session.name} has no stream ${name}.`);
  return stream;
}

/** The ids of the stream's own records in these pages. */
async function idsOf(stream: Stream, pages: AsyncIterable<Page>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { rows } of pages) ids.push(...(await idsIn(stream, rows)));
  return ids;
}

async function idsIn(stream: Stream, rows: readonly unknown[]): Promise<string[]> {
  return (await stream.map(rows)).flatMap((row) => {
    if (row.kind === 'refused') throw new Error(row.reason);
    return row.records.filter(({ entity }) => entity === stream.entity).map(({ externalId }) => externalId);
  });
}

/** From `seconds` before the ERP's clock up to now; rows dated five minutes ahead or more come as well. */
function windowOf(stream: Stream, erp: Erp, seconds: number): Window {
  const kind = stream.stampKind as DatedKind;
  const now = stampAt(kind, erp.now(), stream.stampZone);
  return {
    mode: 'delta',
    from: shiftStamp(kind, now, -seconds),
    to: shiftStamp(kind, now, 1),
    future: shiftStamp(kind, now, 300),
  };
}

it('every connector has an adapter, and every adapter a connector', () => {
  expect(adapters.map(({ type }) => type).sort()).toEqual(connectors.map(({ type }) => type).sort());
});

describe.each(connectors)('the connector $type', (connector) => {
  const adapter = adapters.find(({ type }) => type === connector.type) as Adapter;

  async function start(variant = 'V2', options: object = {}): Promise<{ erp: Erp; own: object }> {
    const { erp: setUp = {}, settings: own = {} } =
      adapter.variants[variant] ?? Object.values(adapter.variants)[0] ?? {};
    const erp = await adapter.start({ ...setUp, ...options });
    endings.push(erp.stop);
    return { erp, own };
  }

  async function begin(
    variant?: string,
    stream: object = {},
  ): Promise<{ erp: Erp; stream: Stream; session: ConnectorSession }> {
    const { erp, own } = await start(variant);
    const settings = erp.settings({ ...own, streams: { [adapter.stream]: stream } });
    const session = await open(connector, settings, erp.now());
    return { erp, session, stream: streamOf(session, adapter.stream) };
  }

  it('opens no socket before it is prepared', async () => {
    const { erp, session } = await begin();
    expect(session.streams.length).toBeGreaterThan(0);
    expect(erp.requests()).toBe(0);
    await session.prepare(never);
    expect(erp.requests()).toBeGreaterThan(0);
  });

  it('names only streams that it has as needs, parents first', async () => {
    const { session } = await begin();
    const names = session.streams.map(({ name }) => name);
    for (const [child, parents] of Object.entries(connector.needs)) {
      for (const parent of parents) expect(names.indexOf(parent)).toBeLessThan(names.indexOf(child));
    }
    for (const { childStream } of session.streams) if (childStream !== null) expect(names).toContain(childStream);
  });

  describe('check', () => {
    it.each(Object.keys(adapter.variants))('finds nothing wrong with good settings: %s', async (variant) => {
      const { session } = await begin(variant);
      const findings = await session.check(never);
      expect(findings.filter(({ level }) => level !== 'ok')).toEqual([]);
      expect(findings.map(({ where }) => where)).toEqual([
        ...session.streams.map(({ name }) => `plant-1/${name}`),
        'plant-1',
      ]);
    });

    it.each(adapter.bad)('tells $what by its own text', async ({ own, code, text }) => {
      const { erp } = await start();
      const session = await open(connector, erp.settings(own), erp.now());
      const findings = await session.check(never);
      const [first] = findings.filter(({ level }) => level === 'error');
      expect(first).toMatchObject({ code, text: expect.stringMatching(text), todo: expect.stringMatching(/\.$/) });
      for (const secret of erp.secrets) expect(JSON.stringify(findings)).not.toContain(secret);
    });

    it('tells clocks that differ', async () => {
      const { erp } = await start();
      const session = await open(connector, erp.settings(), new Date(erp.now().getTime() - 3_600_000));
      const findings = await session.check(never);
      expect(findings.at(-1)).toMatchObject({ code: 'clock-skewed', level: 'warning' });
    });

    it('is no error of the stream when it is called off', async () => {
      const { session } = await begin();
      const gone = AbortSignal.abort(new Error('Called off.'));
      await expect(session.check(gone)).rejects.toThrow('Called off.');
    });
  });

  /** What `prepare` throws, setting by bad setting. */
  async function failures(): Promise<{ error: unknown; secrets: string[] }[]> {
    const { erp } = await start();
    const thrown: { error: unknown; secrets: string[] }[] = [];
    for (const { own } of adapter.bad) {
      const session = await open(connector, erp.settings(own), erp.now());
      await session.prepare(never).catch((error: unknown) => thrown.push({ error, secrets: erp.secrets }));
    }
    expect(thrown.length).toBeGreaterThan(3);
    return thrown;
  }

  it('puts no secret into the text of any error', async () => {
    for (const { error, secrets } of await failures()) {
      for (const secret of secrets) expect(`${error} ${(error as Error).stack}`).not.toContain(secret);
    }
  });

  // Known: the transport's own error is kept as `cause`, and it holds the request with its headers. Take `fails` off when it does not.
  it('puts no secret anywhere into any error, however deep', async () => {
    for (const { error, secrets } of await failures()) {
      for (const secret of secrets) expect(inspect(error, { depth: 20 })).not.toContain(secret);
    }
  });

  describe.each(Object.keys(adapter.variants))('reading (%s)', (variant) => {
    it('brings everything the first time', async () => {
      const { erp, stream } = await begin(variant, { pageSize: 50 });
      const ids = await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
      expect(new Set(ids)).toEqual(erp.expected(adapter.stream));
      expect(ids).toHaveLength(new Set(ids).size);
      expect(await stream.count(never)).toBe(ids.length);
    });

    it('goes on behind every page it was stopped at', async () => {
      const { erp, stream } = await begin(variant, { pageSize: 20 });
      const whole = await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
      const ids: string[] = [];
      for (let cursor: unknown, more = true; more; ) {
        more = false;
        for await (const page of stream.read({ mode: 'full' }, cursor, never)) {
          ids.push(...(await idsIn(stream, page.rows)));
          cursor = JSON.parse(JSON.stringify(page.cursor));
          more = true;
          break;
        }
      }
      expect(ids).toEqual(whole);
      expect(erp.expected(adapter.stream).size).toBe(ids.length);
    });

    it('brings what changed, then nothing once the overlap has passed', async () => {
      const { erp, stream, session } = await begin(variant, { pageSize: 7 });
      await session.prepare(never);
      const before = erp.expected(adapter.stream);
      erp.play(150);
      const created = [...erp.expected(adapter.stream)].filter((id) => !before.has(id));
      expect(created.length).toBeGreaterThan(0);
      const changed = await idsOf(stream, stream.read(windowOf(stream, erp, 3600), undefined, never));
      expect(changed).toEqual(expect.arrayContaining(created));
      erp.advance(7_200_000);
      const { future: _dated, ...quiet } = windowOf(stream, erp, 600);
      expect(await idsOf(stream, stream.read(quiet, undefined, never))).toEqual([]);
    });

    it('loses none of the records that share a stamp over several pages, wherever it is stopped', async () => {
      const { erp, stream } = await begin(variant, { pageSize: 3 });
      const tied = erp.playTie();
      expect(tied).toBeGreaterThan(6);
      const asked = windowOf(stream, erp, 0);
      const whole = new Set(await idsOf(stream, stream.read(asked, undefined, never)));
      expect(whole.size).toBeGreaterThanOrEqual(tied);
      const ids = new Set<string>();
      for (let cursor: unknown, more = true; more; ) {
        more = false;
        for await (const page of stream.read(asked, cursor, never)) {
          for (const id of await idsIn(stream, page.rows)) ids.add(id);
          cursor = JSON.parse(JSON.stringify(page.cursor));
          more = true;
          break;
        }
      }
      expect(ids).toEqual(whole);
    });

    it('sees a late commit inside the overlap', async () => {
      const { erp, stream } = await begin(variant);
      const { externalId, visibleAt } = erp.playLate();
      const asked = () => windowOf(stream, erp, stream.overlapSeconds);
      expect(await idsOf(stream, stream.read(asked(), undefined, never))).not.toContain(externalId);
      erp.advance(visibleAt.getTime() - erp.now().getTime());
      expect(await idsOf(stream, stream.read(asked(), undefined, never))).toContain(externalId);
    });

    it('finds the newest stamp up to a limit', async () => {
      const { erp, stream } = await begin(variant);
      erp.playTie();
      const limit = stampAt(stream.stampKind as DatedKind, erp.now(), stream.stampZone);
      const newest = await stream.newest(shiftStamp(stream.stampKind as DatedKind, limit, 1), never);
      expect(newest).toBe(limit);
    });

    it('never writes to the ERP', async () => {
      const { erp, session } = await begin(variant);
      await session.check(never);
      for (const stream of session.streams) {
        await idsOf(stream, stream.read({ mode: 'full' }, undefined, never));
        await stream.count(never);
        for await (const _page of stream.children?.read(['1'], never) ?? []);
      }
      await session.clock(never);
      expect(erp.requests()).toBeGreaterThan(10);
      expect(erp.writes()).toBe(0);
    });
  });

  it("keeps the ERP's time, whatever this machine's", async () => {
    const { erp } = await start();
    const session = await open(connector, erp.settings(), new Date('2001-01-01T00:00:00Z'));
    const skewMs = Math.abs((await session.clock(never)).getTime() - erp.now().getTime());
    expect(skewMs).toBeLessThanOrEqual(1000);
  });

  it('keeps its memory flat over a hundred thousand rows', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const heap = () => {
      collect();
      return process.memoryUsage().heapUsed / 1_048_576;
    };
    const large = await adapter.startLarge(100_000);
    endings.push(large.stop);
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
    expect(rows).toBe(100_000);
    expect(most - early).toBeLessThan(4);
  });
});

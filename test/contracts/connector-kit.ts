import { afterEach, expect, it } from 'vitest';
import type { AnyConnector, ConnectorSession, Page, Stream } from '../../src/connectors/connector.ts';
import { connectors } from '../../src/connectors/index.ts';
import { type DatedKind, shiftStamp, stampAt } from '../../src/core/stamp.ts';
import type { Window } from '../../src/core/types.ts';
import { createHastyClock, createStrictBus } from '../support/connector-context.ts';
import type { Adapter, Erp } from './adapters/adapter.ts';
import { adapters } from './adapters/index.ts';

/** What the contract suites of connectors share: how one is opened against its simulator, and who is exempt from what. */

const endings: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(endings.splice(0).map((end) => end()));
});

/** Runs when the test is over. */
export function atEnd(end: () => unknown): void {
  endings.push(end);
}

/** Every connector with its adapter. */
export const pairs = connectors.map((connector) => ({
  type: connector.type,
  connector,
  adapter: adapters.find(({ type }) => type === connector.type) as Adapter,
}));

/** Test -> connector -> why the test does not hold for it. */
export type Exemptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

type Contract = (name: string, check: () => Promise<void>) => void;

/** `it` for a connector; one that is exempt is skipped, and its reason is part of the name. */
export function createKit(exemptions: Exemptions): { contractOf(type: string): Contract } {
  const names = new Set<string>();
  it('grants exemptions only from tests that it has, to connectors that there are', () => {
    expect(Object.keys(exemptions).filter((name) => !names.has(name))).toEqual([]);
    const types = Object.values(exemptions).flatMap((exempt) => Object.keys(exempt));
    expect(connectors.map(({ type }) => type)).toEqual(expect.arrayContaining([...new Set(types)]));
  });
  return {
    contractOf: (type) => (name, check) => {
      names.add(name);
      const reason = exemptions[name]?.[type];
      if (reason === undefined) it(name, check);
      else it.skip(`${name} (exempt: ${reason})`, check);
    },
  };
}

export async function open(connector: AnyConnector, settings: object, now?: Date): Promise<ConnectorSession> {
  const parsed = await connector.settings.parseAsync(settings);
  const clock = createHastyClock(now);
  const context = { name: 'plant-1', clock, events: createStrictBus(), random: () => 0, attempts: 5 };
  const session = connector.open(parsed as never, context);
  atEnd(() => session.close());
  return session;
}

export interface Start {
  variant?: string | undefined;
  /** Of the stream that the suite follows; `all`: of every stream. */
  stream?: object;
  all?: object;
  erp?: { startAt?: Date; deletes?: boolean; records?: number };
}

/** The ERP of a variant, by default the first, and good settings for it. */
export async function start(
  adapter: Adapter,
  { variant, erp: options }: Start = {},
): Promise<{ erp: Erp; own: object }> {
  const { erp: setUp = {}, settings: own = {} } =
    adapter.variants[variant ?? ''] ?? Object.values(adapter.variants)[0] ?? {};
  const erp = await adapter.start(setUp, options);
  atEnd(erp.stop);
  return { erp, own };
}

export interface Begun {
  erp: Erp;
  session: ConnectorSession;
  /** The stream that the suite follows. */
  stream: Stream;
}

export async function begin({ connector, adapter }: (typeof pairs)[number], options: Start = {}): Promise<Begun> {
  const { erp, own } = await start(adapter, options);
  const bare = await open(connector, erp.settings(own), erp.now());
  const all = Object.fromEntries(bare.streams.map(({ name }) => [name, options.all ?? {}]));
  const streams = { ...all, [adapter.stream]: { ...options.all, ...options.stream } };
  const session = await open(connector, erp.settings({ ...own, streams }), erp.now());
  return { erp, session, stream: streamOf(session, adapter.stream) };
}

export function streamOf(session: ConnectorSession, name: string): Stream {
  const stream = session.streams.find((candidate) => candidate.name === name);
  if (stream === undefined) throw new Error(`${session.name} has no stream ${name}.`);
  return stream;
}

/** The ids of the stream's own records in these pages that the MES would be told of. */
export async function idsOf(stream: Stream, pages: AsyncIterable<Page>): Promise<string[]> {
  const ids: string[] = [];
  for await (const { rows } of pages) ids.push(...(await idsIn(stream, rows)));
  return ids;
}

export async function idsIn(stream: Stream, rows: readonly unknown[]): Promise<string[]> {
  return (await stream.map(rows)).flatMap((row) => {
    if (row.kind === 'refused') throw new Error(row.reason);
    return row.records
      .filter(({ entity, onlyIfKnown }) => entity === stream.entity && onlyIfKnown !== true)
      .map(({ externalId }) => externalId);
  });
}

/** As `idsOf`, by a reader that is stopped behind every page and keeps nothing but its cursor. */
export async function idsByStops(stream: Stream, window: Window, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: unknown, more = true; more; ) {
    more = false;
    for await (const page of stream.read(window, cursor, signal)) {
      ids.push(...(await idsIn(stream, page.rows)));
      cursor = JSON.parse(JSON.stringify(page.cursor));
      more = true;
      break;
    }
  }
  return ids;
}

/** What the MES must hold of the stream that the suite follows. */
export function expectedIds(erp: Erp, { table }: Adapter): Set<string> {
  return new Set([...erp.expected()[table].keys()].filter((id) => !id.startsWith('STOCK-')));
}

/** From `seconds` before the ERP's clock up to now; rows dated five minutes ahead or more come as well. All, where there are no stamps. */
export function windowOf(stream: Stream, erp: Erp, seconds: number): Window {
  if (stream.stampKind === 'none') return { mode: 'full' };
  const kind: DatedKind = stream.stampKind;
  const now = stampAt(kind, erp.now(), stream.stampZone);
  return {
    mode: 'delta',
    from: shiftStamp(kind, now, -seconds),
    to: shiftStamp(kind, now, 1),
    future: shiftStamp(kind, now, 300),
  };
}

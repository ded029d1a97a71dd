import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { UsageError } from '../core/errors.ts';
import type { ReconcileResult, StreamResult } from '../core/events.ts';
import { readStamp } from '../core/stamp.ts';
import { entities, type Watermark } from '../core/types.ts';
import type { WayReport } from '../push/eryxon/findings.ts';
import { beliefLimit, settledStamp } from '../scheduler/watermark.ts';
import type { Run } from '../state/store.ts';
import type { App, MesReport, RunExclusive } from './app.ts';
import type { BlockedKind } from './blocked-kinds.ts';
import { withFreshLook } from './by-hand.ts';
import type { ControlHandler } from './control.ts';
import { lagOf } from './lag.ts';
import { type RebuiltIds, rebuildIds } from './rebuild.ts';

const filterSchema = z.object({ stream: z.string().optional(), id: z.int().optional() });

const schemas = {
  sync: z.object({ selection: z.array(z.string()), full: z.boolean(), release: z.boolean() }),
  reconcile: z.object({ selection: z.array(z.string()), release: z.boolean(), mes: z.boolean() }),
  status: z.object({ runs: z.string().optional() }),
  'watermark-set': z.object({ stream: z.string(), value: z.string() }),
  'watermark-reset': z.object({ stream: z.string(), forget: z.boolean() }),
  'dead-letters-retry': filterSchema,
  'dead-letters-drop': filterSchema,
  'budget-take': z.object({}),
  'budget-give-back': z.object({}),
  backup: z.object({ directory: z.string() }),
  rebuild: z.object({}),
};

export interface StatusReport {
  streams: {
    stream: string;
    watermark: string | null;
    lagSeconds: number | null;
    lastSuccess: string | null;
    /** The last pass that did not merely wait, also one before a restart; null before the first. */
    lastRun: Run | null;
    deadLetters: number;
    parked: number;
    paused: string | null;
    /** Held back because requests to the MES are short, until then at least, ISO-8601. */
    waitsUntil: string | null;
  }[];
  mes: MesReport & { ways: (WayReport & { full: string | undefined })[] };
  /** Of the one stream that was asked for, newest first. */
  runs?: Run[];
}

/** What each verb answers. */
export interface Results {
  sync: { streams: StreamResult[]; closed: BlockedKind[] };
  reconcile: { streams: ReconcileResult[]; closed: BlockedKind[] };
  status: StatusReport;
  'watermark-set': WatermarkSet;
  'watermark-reset': { watermark: string | null };
  'dead-letters-retry': { count: number };
  'dead-letters-drop': { count: number };
  'budget-take': Record<never, never>;
  'budget-give-back': Record<never, never>;
  backup: { directory: string };
  rebuild: { entities: RebuiltIds[] };
}

interface WatermarkSet {
  watermark: string | null;
  /** What was asked for where that is later: windows end `settleSeconds` behind the source's clock. */
  asked?: string;
}

export type VerbName = keyof Results;
export type VerbArgs<Name extends VerbName> = z.input<(typeof schemas)[Name]>;

type Handlers = { [Name in VerbName]: (args: z.output<(typeof schemas)[Name]>) => Promise<Results[Name]> };

/** How a verb gets a connector to itself. */
export interface Lanes {
  /** For a change between two runs. */
  exclusive: RunExclusive;
  /** For a run, which counts like one by schedule: it is given up when it hangs. */
  watched: RunExclusive;
}

/** Verbs that need the state to themselves: asked of the daemon over its socket, or done here when none runs. */
export function verbHandlers(app: App, { exclusive, watched }: Lanes): ControlHandler {
  const handlers: Handlers = {
    sync: (request) => withFreshLook(app, { ...request, watched }, () => app.sync(request, watched)),
    reconcile: (request) => withFreshLook(app, { ...request, watched }, () => app.reconcile(request, watched)),
    status: async ({ runs }) => ({
      ...(await readStatus(app)),
      ...(runs === undefined ? {} : { runs: await app.store.runs(requireStream(app, runs).id) }),
    }),
    'watermark-set': ({ stream, value }) => changeWatermark(app, exclusive, { stream, value, forget: false }),
    'watermark-reset': ({ stream, forget }) => changeWatermark(app, exclusive, { stream, value: null, forget }),
    'dead-letters-retry': async (filter) => ({ count: await app.store.retryDeadLetters(present(filter)) }),
    'dead-letters-drop': async (filter) => ({ count: await app.store.dropDeadLetters(present(filter)) }),
    'budget-take': async () => {
      await app.quota.take('operator');
      return {};
    },
    'budget-give-back': async () => {
      await app.quota.giveBack('operator');
      return {};
    },
    backup: async ({ directory }) => {
      if (!isAbsolute(directory)) throw new UsageError(`Name the whole path of the directory, not ${directory}.`);
      await app.store.backup(directory);
      return { directory };
    },
    rebuild: async () => ({ entities: await rebuildIds(app, watched) }),
  };
  return async (verb, args) => {
    if (!Object.hasOwn(schemas, verb))
      throw new UsageError(`The daemon does not know ${verb}; is it an older version?`);
    const name = verb as VerbName;
    const handler = handlers[name] as (args: unknown) => Promise<unknown>;
    return handler(schemas[name].parse(args));
  };
}

async function readStatus(app: App): Promise<StatusReport> {
  const states = new Map((await app.store.status()).map((status) => [status.stream, status]));
  const streams: StatusReport['streams'] = [];
  for (const { session, cycle } of app.connectors.values()) {
    for (const { name } of session.streams) {
      const stream = `${session.name}/${name}`;
      const state = states.get(stream);
      const watermark = state?.watermark ?? null;
      const { lastSuccess = null, lastRun = null, deadLetters = 0, parked = 0 } = state ?? {};
      const lagSeconds = lagOf({ watermark, lastSuccess }, app.clock.now());
      const paused = cycle.paused().get(name)?.reason ?? null;
      streams.push({
        stream,
        watermark: watermark?.value ?? null,
        lagSeconds,
        lastSuccess,
        lastRun,
        deadLetters,
        parked,
        paused,
        waitsUntil: cycle.waiting().get(name)?.until ?? null,
      });
    }
  }
  return { streams, mes: { ...(await app.mes()), ways: await app.sink.ways() } };
}

function requireStream(app: App, id: string) {
  const [name = ''] = id.split('/', 1);
  const run = app.connectors.get(name);
  const stream = run?.session.streams.find((each) => `${name}/${each.name}` === id);
  if (run === undefined || stream === undefined)
    throw new UsageError(`There is no stream ${id}. See: erp-puller status.`);
  return { id, name, run, stream };
}

interface WatermarkRequest {
  stream: string;
  /** null: as if the stream had never been read. */
  value: string | null;
  forget: boolean;
}

/** Between two runs of the connector, so that no pass ends on top of the change. */
async function changeWatermark(app: App, exclusive: RunExclusive, request: WatermarkRequest): Promise<WatermarkSet> {
  const { name, run, stream } = requireStream(app, request.stream);
  const { stampKind } = stream;
  let watermark: Watermark | null = null;
  let asked: string | undefined;
  if (request.value !== null) {
    if (stampKind === 'none')
      throw new UsageError(`${request.stream} is read whole; its watermark is never asked for.`);
    const value = readStamp(stampKind, request.value, stream.stampZone);
    if (value === undefined)
      throw new UsageError(
        `${request.value} is not a time of this stream. Write ${formsOf(stampKind, stream.stampZone)}.`,
      );
    watermark = { kind: stampKind, value };
  }
  const forget = request.forget
    ? { source: run.session.source, entities: entities.filter((entity) => entity === stream.entity) }
    : null;
  await exclusive(name, async (signal) => {
    if (watermark !== null && stampKind !== 'none') {
      const sourceNow = await run.session.clock(signal).catch(() => app.clock.now());
      requireBelievable(watermark.value, beliefLimit(stampKind, sourceNow, stream.stampZone));
      const { settleSeconds } = stream;
      const value = settledStamp(stampKind, watermark.value, { sourceNow, settleSeconds });
      if (value !== watermark.value) asked = watermark.value;
      watermark = { kind: stampKind, value };
    }
    await app.store.setWatermark({ stream: request.stream, watermark, forget });
  });
  return { watermark: watermark?.value ?? null, ...(asked === undefined ? {} : { asked }) };
}

/** D2 holds for people too: until the source's clock had caught up with such a watermark, no change would be read. */
function requireBelievable(value: string, limit: string): void {
  if (value <= limit) return;
  throw new UsageError(
    `${value} lies ahead of the source's clock by more than five minutes (it may go up to ${limit}): the changes until then would be skipped.`,
  );
}

const stampForms = {
  timestamp: '2026-12-31T08:00:00.000Z',
  second: '2026-12-31T08:00:00.000Z',
  char14: '20261231080000',
  date: '2026-12-31',
};

/** What a watermark may be written as. */
function formsOf(kind: keyof typeof stampForms, zone: string): string {
  const own = kind === 'timestamp' || kind === 'second' ? 'UTC' : zone;
  const forms = [stampForms[kind], '2026-12-31T09:00:00+01:00', '"2026-12-31 08:00"', '2026-12-31'];
  return `${[...new Set(forms)].join(', ')} (without an offset: ${own})`;
}

function present(filter: { stream?: string | undefined; id?: number | undefined }): { stream?: string; id?: number } {
  return {
    ...(filter.stream === undefined ? {} : { stream: filter.stream }),
    ...(filter.id === undefined ? {} : { id: filter.id }),
  };
}

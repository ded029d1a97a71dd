import type { MappedRow, Stream } from '../../src/connectors/connector.ts';
import type { ODataVersion } from '../../src/connectors/protocols/odata/values.ts';
import { readStamp, type WalkCursor, walk } from '../../src/connectors/protocols/odata/walk.ts';
import { TransientError } from '../../src/core/errors.ts';
import { type DatedKind, stampAt } from '../../src/core/stamp.ts';
import type { PassRequest } from '../../src/scheduler/pass-types.ts';
import { createModel, keyOf, type Model, type ModelRow } from './odata-model.ts';
import { fakeStream, openRig, type Rig, source } from './pass-rig.ts';

/** A row as it is written, and when polls can see it: later than it was stamped where its transaction took so long. */
export interface Written {
  row: ModelRow;
  visibleMs: number;
}

/** An ERP whose rows come by the clock, polled by the real pass over the real walk. */
export interface Tale {
  version: ODataVersion;
  kind: DatedKind;
  /** Zone of char14 and date stamps. */
  zone: string;
  pageSize: number;
  overlapSeconds: number;
  settleSeconds: number;
  written: readonly Written[];
  /** When polls come, by the ERP's clock; one that fails is repeated at once. */
  pollsMs: readonly number[];
  /** Numbers of the batches to the MES that fail. */
  failing: readonly number[];
  /** Runs before each poll; may change how it is asked for. */
  before?: (rig: Rig, poll: number) => Promise<Partial<PassRequest>> | undefined;
  /** Runs before each question to the ERP during a poll: its people go on working. */
  between?: (model: Model, poll: number) => void;
}

export interface Told {
  rig: Rig;
  /** Keys of rows that the MES does not hold as they were written last. */
  missed: string[];
  /** Records sent in requests that took effect, repeats included. */
  sent: number;
  /** Versions that the polls could see one by one. */
  versions: number;
}

/** The stamp as the service stores it: instants with seven digits, of a timestamp all of them used. */
export function storedStamp(kind: DatedKind, at: Date, { zone, ticks = 0 }: { zone: string; ticks?: number }): string {
  const stamp = stampAt(kind, at, zone);
  if (kind === 'timestamp') return stamp.slice(0, 23) + String(ticks).padStart(4, '0');
  return kind === 'second' ? `${stamp.slice(0, 19)}.0000000` : stamp;
}

/** A stream over an OData service in memory, read by the walk that reads the real ones. */
export function walkedStream(model: Model, rest: Partial<Stream>): Stream {
  const { target } = model;
  const map = (row: unknown): MappedRow => {
    const key = keyOf(row as ModelRow);
    const fields = { job_number: key, customer: (row as ModelRow).Text ?? '' };
    const record = { entity: 'job', source, externalId: key, parents: {}, fields, lifecycle: 'active' } as const;
    return { kind: 'good', key, stamp: readStamp(target, row), records: [record] };
  };
  return fakeStream([], {
    stampKind: target.stampKind,
    read: (window, cursor, signal) => walk(target, window, (cursor ?? undefined) as WalkCursor | undefined)(signal),
    newest: async (limit) => {
      const stamps = await target.client.rows(
        { path: target.path, orderBy: 'Group', top: Infinity, select: [] },
        never,
      );
      return stamps.reduce<string | null>((newest, row) => {
        const stamp = readStamp(target, row);
        return stamp !== null && stamp <= limit && stamp > (newest ?? '') ? stamp : newest;
      }, null);
    },
    count: async () => model.rows().size,
    map: async (rows) => rows.map(map),
    ...rest,
  });
}

const never = new AbortController().signal;

/** Polls through the tale; the last poll is to come when everything is visible. */
export async function tell(tale: Tale): Promise<Told> {
  const { version, kind, zone, pageSize, overlapSeconds, settleSeconds, pollsMs } = tale;
  const model = createModel({ version, stampKind: kind, pageSize, rows: [], maxRequests: Infinity });
  const rig = await openRig([walkedStream(model, { stampZone: zone, overlapSeconds, settleSeconds })]);
  failAt(rig, tale.failing);
  let poll = 0;
  const ask = model.target.client.rows;
  model.target.client.rows = (...asked) => {
    tale.between?.(model, poll);
    return ask(...asked);
  };
  let versions = 0;
  let left = [...tale.written].sort((one, other) => one.visibleMs - other.visibleMs);
  for (const pollMs of pollsMs) {
    const seen = left.filter(({ visibleMs }) => visibleMs <= pollMs);
    left = left.slice(seen.length);
    for (const { row } of seen) model.put(row);
    versions += new Set(seen.map(({ row }) => keyOf(row))).size;
    rig.sourceNow.at = new Date(pollMs);
    await runUntilDone(rig, tale, poll);
    poll += 1;
  }
  const missed = [...model.rows()].filter(([key, { Text = '' }]) => heldText(rig, key) !== Text).map(([key]) => key);
  const sent = rig.sink.batches.flat().length;
  await rig.store.close();
  return { rig, missed, sent, versions };
}

function failAt(rig: Rig, failing: readonly number[]): void {
  let batches = 0;
  rig.sink.before = () => {
    batches += 1;
    if (failing.includes(batches)) throw new TransientError('HTTP 503');
  };
}

async function runUntilDone(rig: Rig, { failing, before }: Tale, poll: number): Promise<void> {
  const request = { manual: false, ...(await before?.(rig, poll)) };
  for (let run = 0; run <= failing.length; run += 1) {
    const results = await rig.run(request);
    if (results.every(({ outcome }) => outcome === 'ok' || outcome === 'refused')) return;
  }
  throw new Error('The poll does not end.');
}

function heldText({ sink }: Rig, key: string): unknown {
  return sink.held.get(`job/${key}`)?.record.fields['customer'];
}

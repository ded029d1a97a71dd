import type { KeyPage, KeyReader, KeyRow, MappedRow, Stream } from '../connectors/connector.ts';
import { TransientError } from '../core/errors.ts';
import { forEachAhead } from '../core/prefetch.ts';
import { isThere, mayBeHeld, recordKey, refOf } from '../core/records.ts';
import { stampAt } from '../core/stamp.ts';
import {
  type LedgerEntry,
  type MesRecord,
  type Outcome,
  type RecordRef,
  type RecordSet,
  toSendAgain,
  unknownContent,
} from '../core/types.ts';
import { absenceLimit } from './absence-limit.ts';
import { deliverRows } from './delivery.ts';
import type { Pass } from './pass-types.ts';
import { dealWithVanished, policyOf } from './vanished.ts';

/** What a sweep over one stream found and did. */
export interface SweepCounts {
  /** Records that the ERP lists. */
  checked: number;
  /** Delivered, because the MES did not hold them. */
  missing: number;
  /** Delivered, because the MES held them in an older state. */
  stale: number;
  /** Held by the MES as active and not listed by the ERP. */
  extra: number;
  /** Told to the MES as gone, or not waiting for their parents any more because they are gone. */
  vanished: number;
  /** Not told, because they are too many at once to be believed. */
  withheld: number;
  /** Not told yet, because only one sweep has missed them. */
  pending: number;
}

export function zeroSweep(): SweepCounts {
  return { checked: 0, missing: 0, stale: 0, extra: 0, vanished: 0, withheld: 0, pending: 0 };
}

interface Sweep {
  /** Believes also what is otherwise withheld. */
  release: boolean;
  counts: SweepCounts;
  /** Once it aborts, no other page is begun, and nothing is concluded from those that were read. */
  stopping?: AbortSignal | undefined;
}

const absencesAtOnce = 200;

interface Listed {
  /** Rows that the source listed. */
  rows: number;
  /** Rows whose records cannot be told. */
  unreadable: number;
}

/**
 * Compares all that a stream lists with the ledger: delivers what is missing or stale, and tells the MES of what two complete sweeps
 * have not listed, unless it is too much at once (D8).
 */
export async function sweepStream(
  pass: Pass,
  { release, counts, stopping }: Sweep,
  signal: AbortSignal,
): Promise<void> {
  const { store, stream, session } = pass;
  const sets = stream.owns.filter(({ entity }) => policyOf(pass.deletes, entity) !== 'ignore');
  const before = await stream.count(signal);
  await store.beginSweep(session.source, stream.owns);
  try {
    const listed = await readAll(pass, { counts, stopping }, signal);
    await requireComplete(pass, { listed, before, sets }, signal);
  } catch (error) {
    await store.abandonSweep(session.source, sets);
    throw error;
  }
  await judgeAbsences(pass, { sets, release, counts }, signal);
}

type Reading = Omit<Sweep, 'release'>;

async function readAll(pass: Pass, reading: Reading, signal: AbortSignal): Promise<Listed> {
  const { keys } = pass.stream;
  return keys === null ? readByContent(pass, reading, signal) : readByKeys(pass, { keys, ...reading }, signal);
}

/** Only keys and stamps are read; whole rows where these do not prove that the MES holds what the ERP has. */
async function readByKeys(
  pass: Pass,
  { keys, counts, stopping }: Reading & { keys: KeyReader },
  signal: AbortSignal,
): Promise<Listed> {
  const listed: Listed = { rows: 0, unreadable: 0 };
  for await (const page of keys.read(signal)) {
    signal.throwIfAborted();
    stopping?.throwIfAborted();
    listed.rows += page.rows;
    listed.unreadable += page.unreadable;
    const refs = page.keys.flatMap((row) => row.refs);
    counts.checked += refs.length;
    await pass.store.see(pass.session.source, refs);
    const suspects = await findSuspects(pass, page);
    if (suspects.length === 0) continue;
    const mapped = await pass.stream.map(await keys.rows(page, suspects, signal));
    note(counts, await deliverRows(pass, { mapped, force: false, resume: null, mayBeLate: true }, signal));
  }
  return listed;
}

/** Where keys cannot be had alone, every row is read and compared by its content; the next page is fetched meanwhile. */
async function readByContent(pass: Pass, { counts, stopping }: Reading, signal: AbortSignal): Promise<Listed> {
  const listed: Listed = { rows: 0, unreadable: 0 };
  await forEachAhead(
    (reading) => mappedPages(pass.stream, reading),
    async (mapped) => {
      stopping?.throwIfAborted();
      await comparePage(pass, { mapped, listed, counts }, signal);
    },
    signal,
  );
  return listed;
}

/** Mapped as soon as it is there, so that of two pages in memory one at the most is raw. */
async function* mappedPages(stream: Stream, signal: AbortSignal): AsyncGenerator<MappedRow[]> {
  for await (const { rows } of stream.read({ mode: 'full' }, undefined, signal)) {
    const mapped = await stream.map(rows);
    rows.length = 0;
    yield mapped;
  }
}

async function comparePage(
  pass: Pass,
  { mapped, listed, counts }: { mapped: MappedRow[]; listed: Listed; counts: SweepCounts },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const listedRefs = mapped.map(refsOf);
  listed.rows += mapped.length;
  listed.unreadable += listedRefs.filter((refs) => refs === undefined).length;
  const refs = listedRefs.flatMap((some) => some ?? []);
  counts.checked += refs.length;
  await pass.store.see(pass.session.source, refs);
  note(counts, await deliverRows(pass, { mapped, force: false, resume: null, mayBeLate: true }, signal));
}

/** The records that a row stands for; undefined when it does not tell. */
function refsOf(row: MappedRow): RecordRef[] | undefined {
  return row.kind === 'good' ? row.records.map(refOf) : row.refs;
}

/** A whole read shows no change that becomes visible later than this after its stamp. */
const latestCommitMs = 7 * 86_400_000;

/** Rows with older stamps were compared by their content in the last whole read; null before it. */
function readWholeUntil({ stream, state }: Pass): string | null {
  const { stampKind, stampZone } = stream;
  if (stampKind === 'none' || state.lastFullRead === null) return null;
  return stampAt(stampKind, new Date(Date.parse(state.lastFullRead) - latestCommitMs), stampZone);
}

/** Rows of which key and stamp do not prove that the MES holds them as they are. */
async function findSuspects(pass: Pass, page: KeyPage): Promise<KeyRow[]> {
  const { store, session } = pass;
  const readUntil = readWholeUntil(pass);
  const known = new Map<string, LedgerEntry>();
  const refs = page.keys.flatMap((row) => row.refs);
  for (const [entity, some] of Map.groupBy(refs, (ref) => ref.entity)) {
    const ids = some.map(({ externalId }) => externalId);
    for (const [id, entry] of await store.lookup(session.source, entity, ids))
      known.set(recordKey({ entity, externalId: id }), entry);
  }
  return page.keys.filter((row) => row.refs.some((ref) => isSuspect(row, known.get(recordKey(ref)), readUntil)));
}

function isSuspect({ stamp, leftOut }: KeyRow, entry: LedgerEntry | undefined, readUntil: string | null): boolean {
  if (leftOut) return mayBeHeld(entry) && (entry?.lifecycle !== 'cancelled' || entry.hash === unknownContent);
  if (entry === undefined || entry.hash === null || entry.hash === unknownContent || entry.hash === toSendAgain)
    return true;
  if (stamp === null) return true;
  if (entry.stamp === stamp) return false;
  // What was cancelled because it was gone is listed again with the stamp it had.
  return entry.lifecycle === 'cancelled' || entry.refusedHash !== null || readUntil === null || stamp >= readUntil;
}

function note(counts: SweepCounts, outcomes: readonly Outcome[]): void {
  for (const { kind, change } of outcomes) {
    if (kind !== 'delivered') continue;
    if (!isThere(change.known)) counts.missing += 1;
    else counts.stale += 1;
  }
}

interface Completeness {
  listed: Listed;
  /** Rows that the source counted before they were listed; null when it does not count. */
  before: number | null;
  sets: readonly RecordSet[];
}

/** Throws when what was listed may not be all: nothing can be concluded from what is not in it. */
async function requireComplete(pass: Pass, { listed, before, sets }: Completeness, signal: AbortSignal): Promise<void> {
  const { store, session } = pass;
  const held = (await store.countUnseen(session.source, sets)).absent;
  const absent = held + (await store.countWaitingUnseen(session.source, sets));
  if (absent === 0) return;
  if (listed.unreadable > 0) {
    throw new TransientError(
      `${pass.id}: ${listed.unreadable} rows have no readable key, so that it cannot be told which of ${absent} records are gone. ` +
        'See the dead letters of the stream.',
    );
  }
  const after = before === null ? null : await pass.stream.count(signal);
  if (before === null || after === null || listed.rows >= Math.min(before, after)) return;
  throw new TransientError(
    `${pass.id}: the ERP listed ${listed.rows} of ${Math.min(before, after)} rows. The list is not complete, and nothing is concluded from it.`,
  );
}

interface Judging {
  sets: readonly RecordSet[];
  release: boolean;
  counts: SweepCounts;
}

async function judgeAbsences(pass: Pass, { sets, release, counts }: Judging, signal: AbortSignal): Promise<void> {
  const { store, session, events, id, stream, clock } = pass;
  // What is read by its parents is also missed by them, and judged there: two judges of one absence could disagree.
  const judged = stream.children === null ? sets : [];
  if (stream.children !== null) {
    await store.markUnseen({ stream: id, source: session.source, sets, parent: stream.children.parent });
  }
  const { live, absent } = await store.countUnseen(session.source, judged);
  counts.extra = (await store.countUnseen(session.source, sets)).absent;
  const tooMany = absent > absenceLimit(live) || (absent > 0 && counts.checked === 0);
  counts.withheld = tooMany && !release ? absent : 0;
  if (counts.withheld === 0) await cancelConfirmed(pass, { sets: judged, release, counts }, signal);
  const unbelieved = absent - counts.vanished - counts.withheld;
  counts.pending = unbelieved + (await dropVanishedWaiting(pass, { sets, release, counts }));
  const end = { stream: id, source: session.source, sets: judged, waiting: sets, at: clock.now().toISOString() };
  await store.endSweep({ ...end, pending: counts.pending, withheld: counts.withheld });
  if (counts.withheld > 0) events.emit('absence:withheld', { stream: id, vanished: absent, verb: 'reconcile' });
  else if (stream.children === null) events.emit('absence:settled', { stream: id });
}

/**
 * What waits for its parent and is gone from the ERP waits no longer, when an earlier sweep has missed it too. Resolves to how many
 * only this one has missed.
 */
async function dropVanishedWaiting({ store, session }: Pass, { sets, release, counts }: Judging): Promise<number> {
  const { source } = session;
  const absent = await store.countWaitingUnseen(source, sets);
  const believed = counts.withheld === 0 && (counts.checked > 0 || release);
  if (absent === 0 || !believed) return absent;
  const dropped = await store.dropWaitingUnseen({ source, sets, noted: release ? 'withheld' : 'believed' });
  counts.vanished += dropped;
  return absent - dropped;
}

/** What an earlier sweep has missed too is gone. */
async function cancelConfirmed(pass: Pass, { sets, release, counts }: Judging, signal: AbortSignal): Promise<void> {
  for (const set of sets) {
    let after = '';
    for (;;) {
      const noted = release ? 'withheld' : 'believed';
      const query = { source: pass.session.source, set, after, limit: absencesAtOnce, noted } as const;
      const records: MesRecord[] = await pass.store.absent(query);
      after = records.at(-1)?.externalId ?? '';
      if (records.length === 0) break;
      await dealWithVanished(pass, { records }, signal);
      counts.vanished += records.length;
    }
  }
}

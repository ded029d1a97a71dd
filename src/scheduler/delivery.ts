import type { ConnectorSession, GoodRow, MappedRow, RefusedRow } from '../connectors/connector.ts';
import { type Counts, zeroCounts } from '../core/events.ts';
import { recordKey } from '../core/records.ts';
import { type Change, type Entity, type Outcome, type RecordRef, toSendAgain, unknownContent } from '../core/types.ts';
import type { BadRow, PageCommit, ResumePoint } from '../state/store.ts';
import type { PassNeed } from './admission.ts';
import { diffPage, toChange } from './diff.ts';
import { holdBack } from './gather.ts';
import { withKeptJobs } from './kept-job.ts';
import { lateness, reportLateness } from './lateness.ts';
import type { Pass } from './pass-types.ts';
import { asPushFailure } from './push-failed.ts';
import { restoreRemoved } from './removals.ts';
import { reportPage } from './report-page.ts';
import { createSendNotes, keepsRecords } from './send-notes.ts';

export interface Delivery {
  mapped: readonly MappedRow[];
  force: boolean;
  /** Their siblings were read in this pass: their parents need not be read again. */
  fresh?: boolean;
  resume: ResumePoint | null;
  /** Stored with the note of what is sent, until this page commits; absent where the state knows already where to go on. */
  resumeIfCrashed?: ResumePoint | undefined;
  /** Parents whose children these rows are, completely. */
  childrenRead?: readonly string[];
  /** Dead letters that these rows and records are. */
  letters?: readonly number[];
  /** The rows were found by their stamps or against all keys: one behind the watermark has shown up late. */
  mayBeLate?: boolean;
  /** The commit that must be durable before anything of this is sent. */
  previousCommit?: Promise<void>;
}

/** The way of one page: compare with the ledger, push what differs, commit what became of it. */
export async function deliverRows(pass: Pass, delivery: Delivery, signal: AbortSignal): Promise<readonly Outcome[]> {
  const { committed, outcomes } = await startDelivery(pass, delivery, signal);
  await committed;
  return outcomes;
}

/**
 * As `deliverRows`, but leaves the commit to the disk: the next page may be compared meanwhile, yet nothing of it is sent before
 * the outcomes of this one are durable.
 */
export async function startDelivery(
  pass: Pass,
  delivery: Delivery,
  signal: AbortSignal,
): Promise<{ committed: Promise<void>; outcomes: readonly Outcome[] }> {
  const { store, pusher, session, stream } = pass;
  const { good, notRestored } = await prepareRows(pass, delivery, signal);
  const bad = delivery.mapped.filter((row) => row.kind === 'refused');
  const lookup = store.lookup.bind(store, session.source);
  const keepStamps = stream.stampKind !== 'none';
  const diff = await diffPage({ rows: good, lookup, keepStamps, force: delivery.force });
  await delivery.previousCommit;
  // The first page was let in with the pass.
  if (diff.changes.length > 0 && pass.requests.mes > 0) await pass.admission?.goOn(needOf(pass));
  const { now, later } = await holdBack(pass, diff.changes, delivery.force);
  const notes = createSendNotes(pass, delivery.resumeIfCrashed);
  const report = await pusher.push(now, { lookup, noteSending: notes.noteSending }, signal);
  pass.requests.mes += report.requests;
  const outcomes = [...notRestored, ...later, ...report.outcomes];
  const badRows = bad.map(toBadRow);
  const commit: PageCommit = {
    stream: pass.id,
    epoch: pass.state.epoch,
    source: session.source,
    outcomes,
    doubtful: report.doubtful,
    keepRecords: keepsRecords(stream),
    badRows,
    goodRowKeys: good.map((row) => row.key).filter((key) => key !== ''),
    unchanged: [...diff.unchanged, ...diff.withdrawn],
    retriedLetters: report.failure === undefined ? (delivery.letters ?? []) : [],
    restamped: diff.restamped,
    removed: [],
    late: delivery.mayBeLate === true ? lateness(pass, good, outcomes) : null,
    childrenDue: childrenDueBy(pass, delivery, { outcomes, restamped: diff.restamped }),
    childrenRead: report.failure === undefined ? (delivery.childrenRead ?? []) : [],
    parentStreams: streamsByEntity(session),
    resume: report.failure === undefined ? delivery.resume : null,
  };
  const commitPage = async () => {
    const news = notes.any() || !isEmpty(commit) ? await store.commit(commit) : [];
    const { length: read } = delivery.mapped;
    const unchanged = diff.unchanged.length + diff.refusedBefore;
    reportPage(pass, { read, unchanged, refused: badRows.length }, { outcomes, badRows: news });
    if (commit.late !== null) reportLateness(pass, commit.late);
  };
  const committed = commitPage();
  // A failure shows where it is awaited; until then it must not count as unhandled.
  committed.catch(() => undefined);
  if (report.failure !== undefined) {
    await committed;
    throw asPushFailure(report.failure, report.failedEntity);
  }
  return { committed, outcomes };
}

interface PreparedRows {
  /** What is compared, with nothing in its way. */
  good: readonly GoodRow[];
  /** What the MES does not take back, refused. */
  notRestored: Outcome[];
}

/**
 * Rows ready to be compared: finished parts get the job they were delivered with, removals that were cut off are undone. What cannot be undone is
 * refused.
 */
async function prepareRows(pass: Pass, { mapped }: Delivery, signal: AbortSignal): Promise<PreparedRows> {
  const { store, session } = pass;
  const rows = mapped.filter((row) => row.kind === 'good');
  const good = await withKeptJobs(rows, store.heldOf.bind(store, session.source));
  const refused = await restoreRemoved(pass, good, signal);
  if (refused.length === 0) return { good, notRestored: [] };
  const keys = new Set(refused.map(({ record }) => recordKey(record)));
  const without = (row: GoodRow) => ({ ...row, records: row.records.filter((record) => !keys.has(recordKey(record))) });
  const notRestored = refused.map(({ record, reason }): Outcome => {
    return { kind: 'refused', change: toChange(record, undefined, null), reason };
  });
  return { good: good.map(without), notRestored };
}

/** Streams by what they bring, so that a record that the MES lost can be read again. */
function streamsByEntity({ name, streams }: ConnectorSession): Map<Entity, string[]> {
  const byEntity = new Map<Entity, string[]>();
  for (const { name: stream, entity, otherEntities = [] } of streams) {
    for (const each of [entity, ...otherEntities]) {
      byEntity.set(each, [...(byEntity.get(each) ?? []), `${name}/${stream}`]);
    }
  }
  return byEntity;
}

/** What a pass is to the day's plan. */
export function needOf({ id, state, stream }: Pick<Pass, 'id' | 'state' | 'stream'>): PassNeed {
  const entities = [stream.entity, ...(stream.otherEntities ?? [])];
  return { stream: id, firstLoad: state.watermark === null, entities };
}

/** The ledger forgets what was deleted in the MES. */
export async function commitRemoved(pass: Pass, removed: readonly RecordRef[]): Promise<void> {
  const { store, session, state, id } = pass;
  await store.commit({ ...nothing, stream: id, epoch: state.epoch, source: session.source, removed });
  const counts: Counts = { ...zeroCounts(), deleted: removed.length };
  pass.counts.deleted += removed.length;
  pass.events.emit('page:committed', { stream: id, counts });
}

/** What waits or is set aside of these must not go out any more. */
export async function commitWithdrawn({ store, session, state, id }: Pass, refs: readonly RecordRef[]): Promise<void> {
  if (refs.length === 0) return;
  await store.commit({
    ...nothing,
    stream: id,
    epoch: state.epoch,
    source: session.source,
    removed: [],
    unchanged: refs,
  });
}

interface OutcomesOutsidePages extends Pick<PageCommit, 'outcomes' | 'doubtful'> {
  /** Outcomes of records parked before this pass: the children of their parents are read again. */
  old: readonly Outcome[];
}

/** Commits what became of records outside any page. */
export async function commitOutcomes(pass: Pass, { outcomes, doubtful, old }: OutcomesOutsidePages): Promise<void> {
  const { store, session, stream, state, id } = pass;
  const base = { ...nothing, stream: id, epoch: state.epoch, source: session.source, removed: [] };
  const childrenDue = childrenDueBy(pass, { force: true }, { outcomes: old, restamped: [] });
  await store.commit({ ...base, outcomes, doubtful, keepRecords: keepsRecords(stream), childrenDue });
  reportPage(pass, { read: 0, unchanged: 0, refused: 0 }, { outcomes, badRows: [] });
}

/** A commit of nothing. */
const nothing = {
  outcomes: [],
  doubtful: [],
  keepRecords: false,
  badRows: [],
  goodRowKeys: [],
  unchanged: [],
  retriedLetters: [],
  restamped: [],
  late: null,
  childrenDue: null,
  childrenRead: [],
  parentStreams: new Map(),
  resume: null,
} satisfies Omit<PageCommit, 'stream' | 'epoch' | 'source' | 'removed'>;

/** Id of the stream that reads the children of this one's records, if it runs. */
export function childStreamOf({ stream, session }: Pass): string | null {
  const child = session.streams.find(({ name }) => name === stream.childStream);
  return child === undefined ? null : `${session.name}/${child.name}`;
}

/** Whose children must be read again: those of parents that changed, and those beside a child that was left over. */
function childrenDueBy(
  pass: Pass,
  { force, fresh }: Pick<Delivery, 'force' | 'fresh'>,
  { outcomes, restamped }: Pick<PageCommit, 'outcomes' | 'restamped'>,
): PageCommit['childrenDue'] {
  const { children } = pass.stream;
  if (fresh === true) return null;
  if (force && children !== null) return { stream: pass.id, parents: parentsOfLeftOver(outcomes, children.parent) };
  const stream = childStreamOf(pass);
  if (stream === null) return null;
  // A left-over record is an old copy: it does not prove that the ERP still shows the parent.
  if (!force) noteShown(pass, outcomes, restamped);
  const changed = [...outcomes.map(({ change }) => change.record), ...restamped];
  const parents = changed.filter(({ entity }) => entity === pass.stream.entity).map(({ externalId }) => externalId);
  return { stream, parents };
}

/**
 * What was left over may have vanished from the ERP before it was delivered, and no list of its parent's children could show that: the
 * ledger did not know it as a child yet.
 */
function parentsOfLeftOver(outcomes: readonly Outcome[], parent: 'job' | 'part'): string[] {
  const delivered = outcomes.filter(({ kind }) => kind === 'delivered');
  return delivered.map(({ change }) => change.record.parents[parent]).filter((id) => id !== undefined);
}

/** As many closed parents are remembered as shown; what is missed below others stays as it is. */
const mostShown = 50_000;

/**
 * A closed parent that the ERP has changed is still there. One that is merely sent once more, as after a change of the mapping, may be archived while
 * all of them are.
 */
function noteShown(pass: Pass, outcomes: readonly Outcome[], restamped: PageCommit['restamped']): void {
  const { shownClosed, stream } = pass;
  const changed = outcomes.map(({ change }) => change).filter((change) => isErpChange(pass, change));
  const parents = [...changed.map(({ record }) => record), ...restamped.filter(({ hadStamp }) => hadStamp)];
  for (const parent of parents) {
    if (parent.lifecycle !== 'closed' || parent.entity !== stream.entity) continue;
    if ((shownClosed?.size ?? mostShown) < mostShown) shownClosed?.add(recordKey(parent));
  }
}

/** Not only ours, by another mapping or because the MES lost it. */
function isErpChange({ state, fingerprint }: Pass, { known, stamp }: Change): boolean {
  if (known?.lifecycle !== 'closed') return true;
  if (known.stamp !== null && known.stamp !== stamp) return true;
  const isDelivered = known.hash !== null && known.hash !== unknownContent && known.hash !== toSendAgain;
  return isDelivered && state.fingerprint === fingerprint;
}

function toBadRow({ stage, key, reason, row }: RefusedRow): BadRow {
  return { stage, key, reason, payload: JSON.stringify(row) ?? 'null' };
}

function isEmpty({
  resume,
  outcomes,
  badRows,
  restamped,
  childrenRead,
  goodRowKeys,
  retriedLetters,
}: PageCommit): boolean {
  return (
    resume === null &&
    [outcomes, badRows, restamped, childrenRead, goodRowKeys, retriedLetters].every(({ length }) => length === 0)
  );
}

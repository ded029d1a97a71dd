import { groupBy } from '../core/groups.ts';
import { isWaitingForCycleEnd, recordKey } from '../core/records.ts';
import type { Outcome, RecordRef } from '../core/types.ts';
import { rowKey } from './dead-letters.ts';
import type { Ledger } from './ledger.ts';
import type { Interrupted } from './passes.ts';
import { recordJson } from './records.ts';
import type { BadRow, PageCommit, PassFinish } from './store.ts';

/** What became of one page; `interrupted` replaces the resume point unless null. Returns the bad rows that are news. Runs inside `change`. */
export function recordPage(
  ledger: Ledger,
  page: PageCommit,
  context: { now: Date; interrupted: Interrupted | null },
): BadRow[] {
  const { deadLetters, children, passes, meta, doubts } = ledger;
  meta.requireEpoch(page.epoch);
  recordOutcomes(ledger, page, context.now);
  for (const [entity, some] of Map.groupBy(page.doubtful, ({ record }) => record.entity)) {
    doubts.add(ledger.records.scope(page.source, entity), some, page.keepRecords);
  }
  doubts.settle(page.stream);
  recordUnchanged(ledger, page);
  recordRemoved(ledger, page);
  if (page.late !== null) ledger.sweeps.late(page.stream, page.late);
  const news = page.badRows.filter((row) => deadLetters.addRow(page.stream, row, context.now));
  if (page.goodRowKeys.length > 0 && deadLetters.any(page.stream)) {
    deadLetters.settle(page.stream, page.goodRowKeys.map(rowKey));
  }
  if (page.retriedLetters.length > 0) deadLetters.settleRetried(page.retriedLetters, context.now);
  if (page.childrenDue !== null) children.mark(page.childrenDue.stream, page.childrenDue.parents);
  if (page.childrenRead.length > 0) children.settle(page.stream, page.childrenRead);
  if (context.interrupted !== null) passes.save(page.stream, context.interrupted);
  return news;
}

/** What was marked when a pass began: its end settles no later mark. */
export interface PassMarks {
  children: number;
  reads: number;
}

/** The end of a pass in the ledger; returns its number for the watermark file. Runs inside `change`. */
export function recordPass(ledger: Ledger, finish: PassFinish, marks: PassMarks): number {
  ledger.meta.requireEpoch(finish.epoch);
  const sequence = ledger.meta.nextSequence();
  if (finish.childrenSettled) ledger.children.settleUpTo(finish.stream, marks.children);
  if (finish.fullReadAt !== null) ledger.readsDue.settleUpTo(finish.stream, marks.reads);
  return sequence;
}

function recordOutcomes(ledger: Ledger, page: PageCommit, now: Date): void {
  const byEntity = groupBy(page.outcomes, (outcome) => outcome.change.record.entity);
  for (const outcomes of byEntity.values()) loseBelowOthers(ledger, page, outcomes);
  for (const [entity, outcomes] of byEntity) {
    const scope = ledger.records.scope(page.source, entity);
    if (ledger.parked.any(scope)) ledger.parked.settle(scope, idsOf(allBut('parked', outcomes)));
    if (ledger.deadLetters.any(page.stream)) {
      ledger.deadLetters.settle(page.stream, allBut('refused', outcomes).map(recordKey));
    }
    const delivered = outcomes.filter((outcome) => outcome.kind === 'delivered');
    ledger.records.deliver(scope, delivered, page.keepRecords);
    if (ledger.creates.any(scope)) {
      ledger.creates.settle(
        scope,
        idsOf(delivered.filter(({ mesId }) => mesId !== null).map(({ change }) => change.record)),
      );
    }
    for (const outcome of outcomes) {
      if (outcome.kind !== 'delivered') setAside(ledger, outcome, { page, scope, now });
    }
  }
}

/** What hangs on a row that is not its parent's any more: the MES has that under another id by now. These are of one entity. */
function loseBelowOthers(ledger: Ledger, page: PageCommit, outcomes: readonly Outcome[]): void {
  const parents = outcomes.filter(isElsewhere).map(({ change }) => change.record);
  const [first] = parents;
  if (first === undefined || !ledger.records.loseBelow(page.source, first.entity, idsOf(parents))) return;
  const below = first.entity === 'job' ? (['part', 'operation'] as const) : (['operation'] as const);
  for (const entity of below) ledger.readsDue.mark(page.parentStreams.get(entity) ?? []);
}

function isElsewhere(outcome: Outcome): boolean {
  if (outcome.kind !== 'delivered' || outcome.mesId === null) return false;
  const before = outcome.change.known?.mesId ?? null;
  return before !== null && before !== outcome.mesId;
}

function allBut(kind: Outcome['kind'], outcomes: readonly Outcome[]): RecordRef[] {
  return outcomes.filter((outcome) => outcome.kind !== kind).map((outcome) => outcome.change.record);
}

function setAside(
  ledger: Ledger,
  outcome: Exclude<Outcome, { kind: 'delivered' }>,
  context: { page: PageCommit; scope: number; now: Date },
): void {
  const { change } = outcome;
  const { page, scope, now } = context;
  const { stream, source } = page;
  const record = recordJson(change);
  if (outcome.kind === 'refused') {
    ledger.records.refuse(scope, change);
    const refusal = { key: recordKey(change.record), reason: outcome.reason, payload: record };
    ledger.deadLetters.addRecord(stream, refusal, now);
    return;
  }
  const { externalId } = change.record;
  ledger.records.acceptAgain(scope, [externalId]);
  const { waitsFor } = outcome;
  const gathered = isWaitingForCycleEnd(change.record, waitsFor);
  const lost = ledger.parked.park(scope, { stream, source, externalId, record, waitsFor, gathered }, now);
  if (lost) askAgain(ledger, page, waitsFor);
}

/** The MES misses what it was given: it counts as never delivered, and the streams that bring it are read whole. */
function askAgain(ledger: Ledger, { source, parentStreams }: PageCommit, { entity, externalId }: RecordRef): void {
  ledger.records.markLost(ledger.records.scope(source, entity), [externalId]);
  ledger.readsDue.mark(parentStreams.get(entity) ?? []);
}

/** The ERP is back at what the MES holds: another content that is still set aside must not overtake it. */
function recordUnchanged(ledger: Ledger, page: PageCommit): void {
  for (const { entity, externalId, stamp } of page.restamped) {
    ledger.records.restamp(ledger.records.scope(page.source, entity), externalId, stamp);
  }
  for (const [entity, refs] of groupBy(page.unchanged, (ref) => ref.entity)) {
    const scope = ledger.records.scope(page.source, entity);
    if (ledger.parked.any(scope)) ledger.parked.settle(scope, idsOf(refs));
    if (ledger.deadLetters.any(page.stream)) {
      ledger.deadLetters.settle(page.stream, refs.map(recordKey));
      ledger.records.acceptAgain(scope, idsOf(refs));
    }
  }
}

function recordRemoved(ledger: Ledger, { source, stream, removed }: PageCommit): void {
  for (const [entity, refs] of Map.groupBy(removed, (ref) => ref.entity)) {
    const scope = ledger.records.scope(source, entity);
    ledger.records.remove(source, entity, idsOf(refs));
    ledger.removals.end(scope, idsOf(refs));
    ledger.parked.settle(scope, idsOf(refs));
    ledger.deadLetters.settle(stream, refs.map(recordKey));
  }
}

function idsOf(refs: readonly RecordRef[]): string[] {
  return refs.map((ref) => ref.externalId);
}

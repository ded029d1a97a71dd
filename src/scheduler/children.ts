import type { ChildPage, ChildReader, MappedRow } from '../connectors/connector.ts';
import { recordKey } from '../core/records.ts';
import type { Entity, MesRecord } from '../core/types.ts';
import { absenceLimit } from './absence-limit.ts';
import { deliverRows } from './delivery.ts';
import type { Pass, PassRequest } from './pass-types.ts';
import { dealWithVanished, policyOf } from './vanished.ts';
import { isDueAgain } from './watermark.ts';

/** Parents a look into the list of marks. */
const parentsAtOnce = 60;

export interface ChildrenRead {
  /** Source time at which all open parents were marked, if they were. */
  parentsMarkedAt: string | null;
  /** Records that vanished and were not cancelled, because they are too many to be believed. */
  withheld: number;
}

/**
 * Reads the children of parents that changed, and from time to time those of all open ones, because not every change of a child
 * moves its own stamp. What is missing from a complete list has vanished and is cancelled, when a second read agrees and the guard
 * lets it through (D8).
 */
export async function readDueChildren(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<ChildrenRead> {
  const { children } = pass.stream;
  if (children === null) return { parentsMarkedAt: null, withheld: 0 };
  const parentsMarkedAt = await markIfDue(pass, children, request);
  return { parentsMarkedAt, withheld: await readMarkedChildren(pass, request, signal) };
}

/** Reads the children of the parents that are marked now; resolves to how many absences were withheld. */
export async function readMarkedChildren(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<number> {
  const { vanished, withheld } = await lookForVanished(pass, request, signal);
  if (withheld) {
    pass.events.emit('absence:withheld', { stream: pass.id, vanished: vanished.length });
    return vanished.length;
  }
  await cancelVanished(pass, vanished, signal);
  pass.events.emit('absence:settled', { stream: pass.id });
  return 0;
}

interface VanishedChildren {
  vanished: MesRecord[];
  /** More than can be believed: nothing is cancelled. */
  withheld: boolean;
}

/** Reads the children of every marked parent; stops where what is missing is too much to be believed. */
async function lookForVanished(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<VanishedChildren> {
  const vanished: MesRecord[] = [];
  /** Parents that stay due: something of theirs is missing, or could not be read. */
  const open = new Set<string>();
  let listed = 0;
  let unexpected = 0;
  for (;;) {
    const marked = await pass.store.dueChildren(pass.id, parentsAtOnce + open.size);
    const due = marked.filter((id) => !open.has(id));
    if (due.length === 0) break;
    for await (const page of pass.stream.children?.read(due, signal) ?? []) {
      const found = await deliverChildren(pass, page, signal);
      listed += page.rows.length;
      vanished.push(...found.missing);
      unexpected += await countUnexpected(pass, found.missing);
      for (const parent of found.open) open.add(parent);
    }
    if (!request.release && (await isTooMany(pass, unexpected))) return { vanished, withheld: true };
  }
  // No child of any parent: either they are all gone, or the source shows nothing any more, as after a lost authorisation.
  const blind = vanished.length > 0 && listed === 0 && !request.release && (await pass.stream.count(signal)) === 0;
  return { vanished, withheld: blind };
}

/** Missing children of a cancelled or deleted parent are expected and do not count towards the guard. */
async function countUnexpected(pass: Pass, missing: readonly MesRecord[]): Promise<number> {
  const { store, session, stream } = pass;
  if (missing.length === 0 || stream.children === null) return 0;
  const parents = [...new Set(missing.map((record) => parentOf(pass, record)))];
  const known = await store.lookup(session.source, stream.children.parent, parents);
  const live = (id: string) => (known.get(id)?.lifecycle ?? 'cancelled') !== 'cancelled';
  return missing.filter((record) => live(parentOf(pass, record))).length;
}

async function isTooMany({ store, session, stream }: Pass, vanished: number): Promise<boolean> {
  // However few there are: nothing to count.
  if (vanished <= absenceLimit(0)) return false;
  return vanished > absenceLimit(await store.countRecords(session.source, stream.entity));
}

async function markIfDue(
  { store, session, stream, state, sourceNow, id }: Pass,
  children: ChildReader,
  { manual }: PassRequest,
): Promise<string | null> {
  // Where rows have no stamps, this is all that a person can mean who asks for what is new.
  const asked = manual && stream.stampKind === 'none';
  if (!asked && !isDueAgain(state.parentsMarkedAt, children.markEverySeconds, sourceNow)) return null;
  await store.markOpen({ stream: id, source: session.source, entity: children.parent });
  return sourceNow.toISOString();
}

interface Found {
  /** Records that the ledger has and the list has not. */
  missing: MesRecord[];
  /** Parents whose children are not settled by this list. */
  open: ReadonlySet<string>;
}

/** Delivers the children that are there, and tells which are not. */
async function deliverChildren(pass: Pass, page: ChildPage, signal: AbortSignal): Promise<Found> {
  const mapped = await pass.stream.map(page.rows);
  const { missing, unproven } = await findAbsent(pass, page, mapped);
  const open = new Set([...unproven, ...missing.map((record) => parentOf(pass, record))]);
  const childrenRead = page.parents.filter((parent) => !open.has(parent));
  await deliverRows(pass, { mapped, force: false, resume: null, childrenRead }, signal);
  return { missing, open };
}

interface AbsentChildren {
  missing: MesRecord[];
  /** Parents about whose children the list proves nothing, because a row of theirs could not be read. */
  unproven: ReadonlySet<string>;
}

async function findAbsent(pass: Pass, page: ChildPage, mapped: readonly MappedRow[]): Promise<AbsentChildren> {
  const { store, session, stream } = pass;
  const unproven = unprovenParents(pass, page, mapped);
  // Policy `ignore`: deletions are not reported, so absences are not looked for.
  if (policyOf(pass.deletes, stream.entity) === 'ignore') return { missing: [], unproven };
  const rows = mapped.flatMap((row) => (row.kind === 'good' ? row.records : []));
  const listed = new Set(rows.map((record) => record.externalId));
  const parentIds = page.parents.filter((parent) => !unproven.has(parent));
  const parent = stream.children?.parent ?? 'part';
  const known = await store.childrenOf({ source: session.source, entity: stream.entity, parent, parentIds });
  const missing = known.filter((record) => !listed.has(record.externalId));
  const shown = new Set(rows.map((record) => parentOf(pass, record)));
  return { missing: await withoutArchived(pass, missing, { parent, shown }), unproven };
}

/** What is done leaves the ERP by being archived, a parent with all its children: they stay as they are (D8), unless its row has just been read. */
async function withoutArchived(
  pass: Pass,
  missing: MesRecord[],
  { parent, shown }: { parent: Entity; shown: ReadonlySet<string> },
): Promise<MesRecord[]> {
  const bare = new Set(missing.map((record) => parentOf(pass, record)).filter((id) => !shown.has(id)));
  if (bare.size === 0) return missing;
  const known = await pass.store.lookup(pass.session.source, parent, [...bare]);
  const isShown = (externalId: string) => pass.shownClosed?.has(recordKey({ entity: parent, externalId })) === true;
  const isArchived = (id: string) => known.get(id)?.lifecycle === 'closed' && !isShown(id);
  return missing.filter((record) => !isArchived(parentOf(pass, record)));
}

function unprovenParents({ stream }: Pass, page: ChildPage, mapped: readonly MappedRow[]): ReadonlySet<string> {
  const parents = new Set<string>();
  for (const row of mapped) {
    if (row.kind !== 'refused') continue;
    const parent = stream.children?.parentOf(row.row);
    if (parent === undefined) return new Set(page.parents);
    parents.add(parent);
  }
  return parents;
}

/** The second sighting: only what is missing again is cancelled; what is missing for the first time stays due. */
async function cancelVanished(pass: Pass, vanished: readonly MesRecord[], signal: AbortSignal): Promise<void> {
  const { children } = pass.stream;
  if (vanished.length === 0 || children === null) return;
  const seenBefore = new Set(vanished.map((record) => record.externalId));
  const parents = [...new Set(vanished.map((record) => parentOf(pass, record)))];
  for await (const page of children.read(parents, signal)) {
    const { missing, unproven } = await findAbsent(pass, page, await pass.stream.map(page.rows));
    const [again, first] = partition(missing, (record) => seenBefore.has(record.externalId));
    const open = new Set([...unproven, ...first.map((record) => parentOf(pass, record))]);
    const childrenRead = page.parents.filter((parent) => !open.has(parent));
    await dealWithVanished(pass, { records: again, childrenRead }, signal);
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

function parentOf({ stream }: Pass, record: MesRecord): string {
  return record.parents[stream.children?.parent ?? 'part'] ?? '';
}

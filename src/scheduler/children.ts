import type { ChildPage, ChildReader, MappedRow } from '../connectors/define.ts';
import type { MesRecord } from '../core/types.ts';
import { deliverRows, type Pass, type PassRequest } from './delivery.ts';

/** Parents a look into the list of marks. */
const parentsAtOnce = 60;

/**
 * Reads the children of parents that changed, and from time to time those of all open ones, because not every change of a child
 * moves its own stamp. What is missing from a complete list has vanished and is cancelled, when a second read agrees and the guard
 * lets it through (D8). Resolves to the source time of the sweep, if there was one.
 */
export async function readDueChildren(pass: Pass, request: PassRequest, signal: AbortSignal): Promise<string | null> {
  const { children } = pass.stream;
  if (children === null) return null;
  const sweptAt = await sweepIfDue(pass, children);
  const vanished: MesRecord[] = [];
  const allowed = request.release ? Number.POSITIVE_INFINITY : await guardLimit(pass);
  const withheld = new Set<string>();
  for (;;) {
    const due = (await pass.store.dueChildren(pass.id, parentsAtOnce + withheld.size)).filter(
      (id) => !withheld.has(id),
    );
    if (due.length === 0) break;
    for await (const page of children.read(due, signal)) {
      const missing = await deliverChildren(pass, page, signal);
      for (const record of missing) {
        vanished.push(record);
        withheld.add(parentOf(record, children));
      }
    }
  }
  if (vanished.length > allowed) {
    pass.events.emit('absence:withheld', { stream: pass.id, vanished: vanished.length, allowed });
    return sweptAt;
  }
  await cancelVanished(pass, { vanished, parents: [...withheld] }, signal);
  pass.events.emit('absence:settled', { stream: pass.id });
  return sweptAt;
}

/** More than this vanishing at once looks like a fault of the source, not like news. */
async function guardLimit({ store, session, stream }: Pass): Promise<number> {
  return Math.max(10, Math.floor((await store.countRecords(session.source, stream.entity)) / 10));
}

async function sweepIfDue(
  { store, session, state, sourceNow, id }: Pass,
  children: ChildReader,
): Promise<string | null> {
  const last = state.lastSweep === null ? Number.NEGATIVE_INFINITY : Date.parse(state.lastSweep);
  if (sourceNow.getTime() - last < children.sweepEverySeconds * 1000) return null;
  await store.markOpen({ stream: id, source: session.source, entity: children.parent });
  return sourceNow.toISOString();
}

/** Delivers the children that are there; resolves to those that the ledger has and the list has not. */
async function deliverChildren(pass: Pass, page: ChildPage, signal: AbortSignal): Promise<MesRecord[]> {
  const mapped = await pass.stream.map(page.rows);
  const missing = await findMissing(pass, page, mapped);
  const open = new Set(missing.map((record) => record.parents[pass.stream.children?.parent ?? 'part']));
  const childrenRead = page.parents.filter((parent) => !open.has(parent));
  await deliverRows(pass, { mapped, force: false, resume: null, childrenRead }, signal);
  return missing;
}

/** Nothing is missing from a list in which a row could not be read. */
async function findMissing(pass: Pass, page: ChildPage, mapped: readonly MappedRow[]): Promise<MesRecord[]> {
  const { store, session, stream } = pass;
  if (stream.children === null || mapped.some(isRefused)) return [];
  const listed = new Set(
    mapped.flatMap((row) => (row.kind === 'good' ? row.records.map((record) => record.externalId) : [])),
  );
  const { parent } = stream.children;
  const known = await store.childrenOf({
    source: session.source,
    entity: stream.entity,
    parent,
    parentIds: page.parents,
  });
  return known.filter((record) => !listed.has(record.externalId));
}

interface Vanished {
  vanished: readonly MesRecord[];
  parents: readonly string[];
}

/** The second sighting: only what is missing again is cancelled; what is missing for the first time stays due. */
async function cancelVanished(pass: Pass, { vanished, parents }: Vanished, signal: AbortSignal): Promise<void> {
  const { children } = pass.stream;
  if (vanished.length === 0 || children === null) return;
  const seenBefore = new Set(vanished.map((record) => record.externalId));
  for await (const page of children.read(parents, signal)) {
    const mapped = await pass.stream.map(page.rows);
    if (mapped.some(isRefused)) continue;
    const missing = await findMissing(pass, page, mapped);
    const again = missing.filter((record) => seenBefore.has(record.externalId));
    const gone = again.map((record): MesRecord => ({ ...record, lifecycle: 'cancelled' }));
    const open = new Set(
      missing.filter((record) => !again.includes(record)).map((record) => parentOf(record, children)),
    );
    const childrenRead = page.parents.filter((parent) => !open.has(parent));
    const rows: MappedRow[] = gone.length === 0 ? [] : [{ kind: 'good', key: '', stamp: null, records: gone }];
    await deliverRows(pass, { mapped: rows, force: false, resume: null, childrenRead }, signal);
  }
}

function isRefused(row: MappedRow): boolean {
  return row.kind === 'refused';
}

function parentOf(record: MesRecord, children: ChildReader): string {
  return record.parents[children.parent] ?? '';
}

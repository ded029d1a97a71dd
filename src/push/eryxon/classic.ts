import { isHeld, mayBeHeld } from '../../core/records.ts';
import { BatchInterruptedError, type ReadyChange, type SinkResult } from '../sink.ts';
import { setsStatus } from './bodies.ts';
import { deliverBulk } from './classic-bulk.ts';
import { keepWhatIsSet } from './classic-keep.ts';
import { deliverSingly } from './classic-put.ts';
import { readOne } from './lists.ts';
import type { Call, Report } from './request.ts';
import { taskOf } from './ways.ts';

/**
 * The documented bulk-sync. As it was released it never writes the status of a record that it updates, and says nothing of that: the
 * first record put on hold is looked at, and where it is not on hold such records go by PUT from then on.
 */
export async function classicBulk(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const status = changes.filter(mayLoseStatus);
  const byPut = status.length === 0 ? false : await call.session.statusByPut.get();
  const inBulk = byPut === true ? changes.filter((change) => !mayLoseStatus(change)) : changes;
  const unproved: Updated[] = [];
  const unlessUnproved: Report = (change, result) => {
    if (byPut === undefined && result.kind === 'delivered' && result.action === 'updated' && mayLoseStatus(change)) {
      unproved.push({ change, result });
    } else report(change, result);
  };
  if (inBulk.length > 0) await sendBulk(call, inBulk, unlessUnproved);
  const lost = unproved.length > 0 && (await losesStatus(call, unproved));
  if (!lost) for (const { change, result } of unproved) report(change, result);
  const again = lost ? unproved.map(({ change }) => change) : byPut === true ? status : [];
  if (again.length > 0) await classicPut(call, again, report);
}

/** Put on hold though it may be there already. */
export function mayLoseStatus(change: ReadyChange): boolean {
  return setsStatus(change) && mayBeHeld(change.known);
}

interface Updated {
  change: ReadyChange;
  result: SinkResult & { kind: 'delivered' };
}

async function sendBulk(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const { base, entity, transport } = call;
  const results = await deliverBulk(base, { entity, changes: await keepWhatIsSet(call, changes) }, transport);
  // The endpoint has gone since it was looked for.
  if (results === undefined) {
    call.ability.classic = 'put';
    return classicPut(call, changes, report);
  }
  await reportResults(call, { changes, results }, report);
}

async function losesStatus(call: Call, updated: readonly Updated[]): Promise<boolean> {
  // What an earlier try of this may have made has the status of a new record: that proves nothing of updates.
  const held = updated.find(({ change }) => isHeld(change.known));
  const id = held?.result.mesId ?? held?.change.known?.mesId ?? null;
  const row = id === null ? undefined : await readOne(call, id);
  // None can be looked at: to send them again does no harm.
  if (row === undefined) return true;
  const lost = row['status'] !== 'on_hold';
  await call.session.statusByPut.set(lost);
  return lost;
}

export async function classicPut(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  try {
    const results = await deliverSingly(call, await keepWhatIsSet(call, changes));
    await reportResults(call, { changes, results }, report);
  } catch (error) {
    if (!(error instanceof BatchInterruptedError)) throw error;
    await reportResults(call, { changes, results: error.results }, report);
    throw error.cause;
  }
}

interface PutResults {
  changes: readonly ReadyChange[];
  /** In the order of the changes; those behind the last were not tried. */
  results: readonly SinkResult[];
}

/** What was on hold and is made anew, because somebody had removed it from the MES, is put on hold once more. */
async function reportResults(call: Call, { changes, results }: PutResults, report: Report): Promise<void> {
  const anew = new Map<ReadyChange, ReadyChange>();
  let index = 0;
  for (const result of results) {
    const change = changes[index++];
    if (change === undefined) continue;
    if (wasOnHold(change) && isAnotherRow(change, result)) {
      anew.set({ ...change, known: undefined }, change);
    } else report(change, result);
  }
  if (anew.size === 0) return;
  await classicPut(call, [...anew.keys()], (change, result) => {
    report(anew.get(change) ?? change, result.kind === 'delivered' ? { ...result, action: 'created' } : result);
  });
}

/** Made just now, or by a request whose answer was lost. */
function isAnotherRow({ known }: ReadyChange, result: SinkResult): boolean {
  if (result.kind !== 'delivered') return false;
  const before = known?.mesId ?? null;
  return result.action === 'created' || (before !== null && result.mesId !== null && result.mesId !== before);
}

/** Such an update leaves the status alone. Cells and resources have none. */
function wasOnHold(change: ReadyChange): boolean {
  const { entity, lifecycle } = change.record;
  if (entity === 'cell' || entity === 'resource') return false;
  return isHeld(change.known) && lifecycle === 'cancelled' && taskOf(change) === 'update';
}

import { BatchInterruptedError, type ReadyChange, type SinkResult } from '../sink.ts';
import { deliverBulk } from './classic-bulk.ts';
import { deliverSingly } from './classic-put.ts';
import { readOne } from './lists.ts';
import type { Call, Report } from './request.ts';
import { taskOf } from './ways.ts';

/**
 * The documented bulk-sync. As it was released it never writes the status of a record that it updates, and says nothing of that: the
 * first record put on hold is looked at, and where it is not on hold such records go by PUT from then on.
 */
export async function classicBulk(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const status = changes.filter((change) => taskOf(change) === 'status');
  const byPut = status.length > 0 && (await call.session.statusByPut.get());
  const inBulk = byPut === true ? changes.filter((change) => !status.includes(change)) : changes;
  if (inBulk.length > 0) await sendBulk(call, inBulk, report);
  if (byPut === true || (byPut === undefined && (await losesStatus(call, status)))) {
    await classicPut(call, status, report);
  }
}

async function sendBulk(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const { base, entity, transport } = call;
  const results = await deliverBulk(base, { entity, changes }, transport);
  // The endpoint has gone since it was looked for.
  if (results === undefined) {
    call.ability.classic = 'put';
    return classicPut(call, changes, report);
  }
  tell(changes, results, report);
}

async function losesStatus(call: Call, status: readonly ReadyChange[]): Promise<boolean> {
  const known = status.find(({ known: entry }) => entry?.mesId != null)?.known?.mesId;
  if (known == null) return false;
  const row = await readOne(call, known);
  // This one cannot be looked at: to send it again does no harm.
  if (row === undefined) return true;
  const lost = row['status'] !== 'on_hold';
  await call.session.statusByPut.set(lost);
  return lost;
}

export async function classicPut(call: Call, changes: readonly ReadyChange[], report: Report): Promise<void> {
  const { base, entity, transport } = call;
  try {
    tell(changes, await deliverSingly(base, { entity, changes }, transport), report);
  } catch (error) {
    if (!(error instanceof BatchInterruptedError)) throw error;
    tell(changes, error.results, report);
    throw error.cause;
  }
}

function tell(changes: readonly ReadyChange[], results: readonly SinkResult[], report: Report): void {
  let index = 0;
  for (const change of changes) {
    const result = results[index++];
    if (result !== undefined) report(change, result);
  }
}

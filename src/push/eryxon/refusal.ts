import { businessKeyOf } from '../../core/records.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';
import type { Answer } from './answers.ts';
import type { Columns } from './columns.ts';
import { findByKey, readRows } from './lists.ts';
import type { Row } from './pages.ts';
import type { Call } from './request.ts';
import { missingParent, nameTaken, readVerdict, SchemaError } from './verdict.ts';

/** What to do next about one record that the MES did not take. */
export type Next =
  /** Send it once more: the column that this MES lacks is left out from now on. */
  | { kind: 'again' }
  /** The MES holds it under this id. */
  | { kind: 'adopt'; mesId: string }
  | { kind: 'done'; result: SinkResult };

export interface Failure {
  change: ReadyChange;
  message: string;
  /** What was sent. */
  columns: Columns;
}

/** Reads a record's error by its text. Throws SchemaError when the fault is the installation's. */
export async function decideNext(call: Call, { change, message, columns }: Failure): Promise<Next> {
  const verdict = readVerdict(message);
  if (verdict.kind === 'unknown-column') {
    const { column } = verdict;
    if (columns[column] === undefined) throw new SchemaError(message);
    // Only without it the next try ends otherwise.
    if (!call.session.learnLacking(call.entity, column)) throw new SchemaError(message, { column });
    return { kind: 'again' };
  }
  if (verdict.kind === 'missing-parent') {
    return { kind: 'done', result: missingParent(verdict.parent, change, message) };
  }
  if (verdict.kind === 'duplicate') return decideDuplicate(call, change, verdict.constraint);
  return { kind: 'done', result: { kind: 'refused', reason: message } };
}

export function refusalText({ status, code, message }: Answer): string {
  return message || `HTTP ${status} ${code}`.trim();
}

/** Re-reads once: is the row that is in the way the record itself? */
async function decideDuplicate(call: Call, change: ReadyChange, constraint: string): Promise<Next> {
  const own = await findOwn(call, change, constraint);
  if (own !== undefined) return { kind: 'adopt', mesId: String(own['id']) };
  const { record } = change;
  const external = constraint.endsWith('_external_sync');
  const reason = external
    ? `The MES holds a row of ${record.entity} ${record.externalId} that it does not show, probably a deleted one, and takes no ` +
      `second of that external id (${constraint}). Have it restored or removed in the database of the MES, then retry.`
    : nameTaken(change, constraint);
  return { kind: 'done', result: { kind: 'refused', reason } };
}

/**
 * The live row that is this record. Resources are listed with their external ids; a cell's name and a part's or job's number say
 * so only together with a key of ours that is in the way.
 */
async function findOwn(call: Call, change: ReadyChange, constraint: string): Promise<Row | undefined> {
  const { entity } = call;
  const { externalId, source } = change.record;
  if (entity === 'resource') {
    const query = `&external_id=${encodeURIComponent(externalId)}&external_source=${encodeURIComponent(source)}`;
    const rows = (await readRows(call, query, 100)) ?? [];
    return rows.find((row) => row['external_id'] === externalId && row['external_source'] === source);
  }
  const known = change.known?.mesId ?? null;
  const key = businessKeyOf(change.record);
  const rows = key === null ? [] : ((await findByKey(call, key)) ?? []);
  const mine = rows.find((row) => row['id'] === known);
  if (mine !== undefined || !constraint.endsWith('_external_sync')) return mine;
  return rows.length === 1 ? rows[0] : undefined;
}

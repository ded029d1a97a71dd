import type { MesRecord, RecordRef } from '../core/types.ts';
import { type Database, limitTo, prepare } from './database.ts';
import { isThere } from './records.ts';

export interface Waiting {
  stream: string;
  source: string;
  externalId: string;
  /** The record as JSON text. */
  record: string;
  waitsFor: RecordRef;
  /** A job that is held back until what belongs to it is known. */
  gathered: boolean;
}

/** Records that wait for a parent. Methods that write belong into a transaction. */
export interface Parked {
  /**
   * Parks a record; one that was parked before keeps its place in the line. Returns true when the parent it waits for counts as
   * delivered: then the MES has lost it.
   */
  park(scope: number, waiting: Waiting, now: Date): boolean;
  any(scope: number): boolean;
  settle(scope: number, externalIds: readonly string[]): void;
  /** The MES takes these entities again: what waited for that alone is due now. */
  retryWaitingForMes(entities: readonly string[]): void;
  /** Those whose every parent has been delivered, longest waiting first, and since when. */
  ready(stream: string, limit: number, now: Date): { record: MesRecord; since: string }[];
  /** When the latest one of a stream was parked, ISO-8601; null when none waits. */
  latest(stream: string): string | null;
  counts(): { stream: string; count: number; since: string }[];
}

const minuteMs = 60_000;
const longestPauseMs = 6 * 60 * minuteMs;

/** What the MES misses may have been deleted there: ask ever less often. */
function pauseMs(attempts: number): number {
  return Math.min(2 ** attempts * minuteMs, longestPauseMs);
}

/** SQL: every parent that a record names has been delivered. */
const parentsDelivered = (record: string, source: string) => `
  NOT EXISTS (
    SELECT 1 FROM json_each(${record}, '$.parents') AS parent WHERE NOT EXISTS (
      SELECT 1 FROM scopes JOIN records ON records.scope = scopes.id
      WHERE scopes.source = ${source} AND scopes.entity = parent.key AND external_id = parent.value AND ${isThere}))`;

/** SQL: of parked records beside their own scope, a job that is held back until what belongs to it is known. */
export const isGathered = "own.entity = 'job' AND waits_entity = 'operation'";

export function createParked(database: Database): Parked {
  const any = prepare(database, 'SELECT 1 FROM parked WHERE scope = ? LIMIT 1');
  const settle = prepare(
    database,
    'DELETE FROM parked WHERE scope = ? AND external_id IN (SELECT value FROM json_each(?))',
  );
  const ready = prepare<{ record: string; since: string }>(
    database,
    `SELECT record, since FROM parked JOIN scopes AS own ON own.id = parked.scope
     WHERE stream = ? AND (not_before IS NULL OR not_before <= ?) AND NOT (${isGathered})
       AND ${parentsDelivered('parked.record', 'own.source')}
     ORDER BY since ${limitTo('?')}`,
  );
  const release = prepare(
    database,
    `UPDATE parked SET attempts = 0, not_before = NULL
     WHERE waits_id = external_id AND waits_entity IN (SELECT value FROM json_each(?))
       AND scope IN (SELECT id FROM scopes WHERE entity = waits_entity)`,
  );
  const anyOf = prepare(database, 'SELECT 1 FROM parked WHERE stream = ? LIMIT 1');
  const latest = prepare<{ since: string | null }>(database, 'SELECT max(since) AS since FROM parked WHERE stream = ?');
  const counts = prepare<{ stream: string; count: number; since: string }>(
    database,
    'SELECT stream, count(*) AS count, min(since) AS since FROM parked GROUP BY stream',
  );
  return {
    park: parker(database),
    any: (scope) => any.get(scope) !== undefined,
    settle: (scope, externalIds) => void settle.run(scope, JSON.stringify(externalIds)),
    retryWaitingForMes: (entities) => void release.run(JSON.stringify(entities)),
    ready(stream, limit, now) {
      // Looking into the records that wait costs a tenth of an idle poll even when there are none.
      if (anyOf.get(stream) === undefined) return [];
      const rows = ready.all(stream, now.toISOString(), limit);
      return rows.map(({ record, since }) => ({ record: JSON.parse(record), since }));
    },
    latest: (stream) => latest.get(stream)?.since ?? null,
    counts: () => counts.all(),
  };
}

function parker(database: Database): Parked['park'] {
  const ready = prepare<{ ready: number }>(database, `SELECT ${parentsDelivered('?', '?')} AS ready`);
  const attemptsOf = prepare<{ attempts: number }>(
    database,
    'SELECT attempts FROM parked WHERE scope = ? AND external_id = ?',
  );
  const upsert = prepare(
    database,
    `INSERT INTO parked (scope, external_id, stream, record, waits_entity, waits_id, since, attempts, not_before)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET
       stream = excluded.stream, record = excluded.record, waits_entity = excluded.waits_entity,
       waits_id = excluded.waits_id, attempts = excluded.attempts, not_before = excluded.not_before`,
  );
  return (scope, { stream, source, externalId, record, waitsFor, gathered }, now) => {
    const { entity, externalId: waitsId } = waitsFor;
    if (gathered) {
      upsert.run(scope, externalId, stream, record, entity, waitsId, now.toISOString(), 0, null);
      return false;
    }
    const known = attemptsOf.get(scope, externalId)?.attempts ?? 0;
    // With every parent delivered it is the MES that misses one.
    const denied = ready.get(record, source)?.ready === 1;
    const attempts = denied ? known + 1 : known;
    const parents: Partial<Record<string, string>> = denied ? JSON.parse(record).parents : {};
    const lost = parents[entity] === waitsId;
    // The first time the record waits for the parent to be sent again; if that does not help, ever longer.
    const atOnce = !denied || (lost && attempts === 1);
    const notBefore = atOnce ? null : new Date(now.getTime() + pauseMs(attempts)).toISOString();
    upsert.run(scope, externalId, stream, record, entity, waitsId, now.toISOString(), attempts, notBefore);
    return lost;
  };
}

import { type MesRecord, type RecordRef, type RecordSet, unknownContent } from '../core/types.ts';
import { type Database, limitTo, prepare, type Value } from './database.ts';
import type { AbsenceQuery, Lateness, SweepEnd, SweepStatus, Unseen, UnseenMark } from './store.ts';

/**
 * What complete reads of a source's keys show: which records it listed, which it did not, and since when. What has been seen is
 * kept beside the ledger, not in it: a sweep that is cut off starts anew. Methods that write to the ledger
 * (`markParents`, and all from `dropWaiting` on) belong into a transaction.
 */
export interface Sweeps {
  /** Nothing of these records has been seen. */
  begin(source: string, sets: readonly RecordSet[]): void;
  see(source: string, refs: readonly RecordRef[]): void;
  count(source: string, sets: readonly RecordSet[]): Unseen;
  /** Marks the parents of unseen children, but for closed ones. */
  markParents(mark: UnseenMark): void;
  absent(query: AbsenceQuery): MesRecord[];
  heldOf(source: string, refs: readonly RecordRef[]): MesRecord[];
  seeInMes(source: string, entity: RecordSet['entity'], mesIds: readonly string[]): void;
  countLost(source: string, entity: RecordSet['entity']): { held: number; lost: number };
  /** External ids of delivered records whose MES id has not been seen. */
  lost(source: string, entity: RecordSet['entity'], limit: number): string[];
  lateness(stream: string): Lateness;
  status(): SweepStatus[];
  countWaiting(source: string, sets: readonly RecordSet[]): number;
  dropWaiting(query: Pick<AbsenceQuery, 'source' | 'noted'> & { sets: readonly RecordSet[] }): number;
  noteWaiting(note: Pick<SweepEnd, 'source' | 'sets' | 'at'> & { withheld: boolean }): void;
  /** Notes up to `limit` unseen records behind `after`; returns the last one's id, undefined when there were no more. */
  note(query: Omit<AbsenceQuery, 'noted'> & { at: string; withheld: boolean }): string | undefined;
  /** Forgets absences of what is listed again, or is not active any more. */
  settle(source: string, sets: readonly RecordSet[]): void;
  /** Forgets absences of records that an incomplete sweep has seen after all. */
  refute(source: string, sets: readonly RecordSet[]): void;
  /** Forgets all absences: they must be seen twice anew. */
  forgetAbsences(): void;
  end(end: SweepEnd): void;
  late(stream: string, late: Lateness): void;
}

export function createSweeps(database: Database): Sweeps {
  database.exec('CREATE TEMP TABLE IF NOT EXISTS seen (scope INTEGER, id TEXT, PRIMARY KEY (scope, id)) WITHOUT ROWID');
  return {
    ...sightings(database),
    ...absences(database),
    ...holdings(database),
    ...waiting(database),
    ...ends(database),
  };
}

/** SQL: ?1 source, ?2 entity, ?3 what ids begin with, ?4 what they do not begin with; empty texts do not count. */
const scope = '(SELECT id FROM scopes WHERE source = ?1 AND entity = ?2)';
const within = `substr(external_id, 1, length(?3)) = ?3 AND (?4 = '' OR substr(external_id, 1, length(?4)) <> ?4)`;
const inSet = `records.scope = ${scope} AND ${within}`;
/** What a lost answer may have brought, and nothing else has. */
const doubtful = `hash = '${unknownContent}' AND mes_id IS NULL`;
/**
 * What the MES holds and the ERP had not closed: closed records leave an ERP by being archived. Where it is doubtful and the MES refuses it,
 * there is nothing more to tell: its dead letter names it.
 */
const held = `(lifecycle = 'active' OR lifecycle = 'cancelled' AND hash = '${unknownContent}')
  AND (hash IS NOT NULL OR mes_id IS NOT NULL) AND NOT (${doubtful} AND refused_hash IS NOT NULL)`;
const unseen = `NOT EXISTS (SELECT 1 FROM temp.seen WHERE seen.scope = records.scope AND seen.id = records.external_id)`;

/** What is to be told of a record that is gone goes on waiting; but what is doubtful is not there where its parent surely is not. */
const isDoubtful = `EXISTS (
  SELECT 1 FROM records AS own WHERE own.scope = parked.scope AND own.external_id = parked.external_id AND ${doubtful})`;
const mayHaveParent = `EXISTS (
  SELECT 1 FROM scopes AS own JOIN scopes AS above ON above.source = own.source AND above.entity = parked.waits_entity
  JOIN records AS parent ON parent.scope = above.id AND parent.external_id = parked.waits_id
  WHERE own.id = parked.scope AND (parent.hash IS NOT NULL OR parent.mes_id IS NOT NULL))`;
const unseenWaiting = `(parked.record ->> '$.onlyIfKnown' IS NULL OR ${isDoubtful} AND NOT ${mayHaveParent})
  AND NOT EXISTS (SELECT 1 FROM temp.seen WHERE seen.scope = parked.scope AND seen.id = parked.external_id)`;

function setOf(source: string, { entity, startsWith = '', startsNotWith = '' }: RecordSet): Value[] {
  return [source, entity, startsWith, startsNotWith];
}

function sightings(database: Database): Pick<Sweeps, 'begin' | 'see' | 'seeInMes' | 'countLost' | 'lost'> {
  const clear = prepare(database, `DELETE FROM temp.seen WHERE abs(scope) = ${scope}`);
  const see = prepare(
    database,
    `INSERT OR IGNORE INTO temp.seen (scope, id) SELECT ${scope}, value FROM json_each(?3) WHERE ${scope} IS NOT NULL`,
  );
  // A record and its MES id are different things to have seen: those of the MES stand under the negative of the scope.
  const seeInMes = prepare(
    database,
    `INSERT OR IGNORE INTO temp.seen (scope, id) SELECT -${scope}, value FROM json_each(?3) WHERE ${scope} IS NOT NULL`,
  );
  const named = `scope = ${scope} AND hash IS NOT NULL AND mes_id IS NOT NULL`;
  const notListed = `NOT EXISTS (SELECT 1 FROM temp.seen WHERE seen.scope = -records.scope AND seen.id = records.mes_id)`;
  const countLost = prepare<{ held: number; lost: number }>(
    database,
    `SELECT count(*) AS held, coalesce(sum(${notListed}), 0) AS lost FROM records WHERE ${named}`,
  );
  const lost = prepare<{ externalId: string }>(
    database,
    `SELECT external_id AS externalId FROM records WHERE ${named} AND ${notListed} ${limitTo('?3')}`,
  );
  return {
    begin(source, sets) {
      for (const { entity } of sets) clear.run(source, entity);
    },
    see(source, refs) {
      for (const [entity, some] of Map.groupBy(refs, (ref) => ref.entity)) {
        see.run(source, entity, JSON.stringify(some.map(({ externalId }) => externalId)));
      }
    },
    seeInMes: (source, entity, mesIds) => void seeInMes.run(source, entity, JSON.stringify(mesIds)),
    countLost: (source, entity) => ({ ...(countLost.get(source, entity) ?? { held: 0, lost: 0 }) }),
    lost: (source, entity, limit) => lost.all(source, entity, limit).map(({ externalId }) => externalId),
  };
}

interface AbsentRow {
  externalId: string;
  businessKey: string | null;
  record: string | null;
}

/** What is left of an archived order is no news; a new mark as any other change makes one. */
const markParentsBy = (parent: UnseenMark['parent']) => `
  INSERT OR REPLACE INTO children_due (stream, parent)
  SELECT DISTINCT ?5, ${parent} FROM records WHERE ${inSet} AND ${held} AND ${unseen} AND ${parent} IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM records AS above JOIN scopes ON scopes.id = above.scope
    WHERE source = ?1 AND entity = '${parent}' AND above.external_id = records.${parent} AND above.lifecycle = 'closed')`;

type Absences = 'count' | 'markParents' | 'absent' | 'note' | 'settle' | 'refute' | 'forgetAbsences';

function absences(database: Database): Pick<Sweeps, Absences> {
  const count = prepare<{ live: number; absent: number }>(
    database,
    `SELECT count(*) AS live, coalesce(sum(${unseen}), 0) AS absent FROM records WHERE ${inSet} AND ${held}`,
  );
  const markParents = { job: prepare(database, markParentsBy('job')), part: prepare(database, markParentsBy('part')) };
  const absent = prepare<AbsentRow>(
    database,
    `SELECT external_id AS externalId, business_key AS businessKey, record FROM records JOIN absences USING (scope, external_id)
     WHERE ${inSet} AND external_id > ?5 AND ${held} AND ${unseen} AND withheld <= ?7 ORDER BY external_id ${limitTo('?6')}`,
  );
  const note = prepare<{ externalId: string }>(
    database,
    `INSERT INTO absences (scope, external_id, first_at, last_at, withheld)
     SELECT scope, external_id, ?7, ?7, ?8 FROM records
     WHERE ${inSet} AND external_id > ?5 AND ${held} AND ${unseen} ORDER BY external_id ${limitTo('?6')}
     ON CONFLICT DO UPDATE SET last_at = excluded.last_at, withheld = min(withheld, excluded.withheld)
     RETURNING external_id AS externalId`,
  );
  const settle = prepare(
    database,
    `DELETE FROM absences WHERE scope = ${scope} AND ${within} AND NOT EXISTS (
       SELECT 1 FROM records WHERE records.scope = absences.scope AND records.external_id = absences.external_id AND ${held} AND ${unseen})
     AND NOT EXISTS (
       SELECT 1 FROM parked WHERE parked.scope = absences.scope AND parked.external_id = absences.external_id AND ${unseenWaiting})`,
  );
  const refute = prepare(
    database,
    `DELETE FROM absences WHERE scope = ${scope} AND ${within}
       AND EXISTS (SELECT 1 FROM temp.seen WHERE seen.scope = absences.scope AND seen.id = absences.external_id)`,
  );
  return {
    forgetAbsences: () => database.exec('DELETE FROM absences'),
    count(source, sets) {
      const counted = sets.map((set) => count.get(...setOf(source, set)) ?? { live: 0, absent: 0 });
      return {
        live: sum(counted.map(({ live }) => live)),
        absent: sum(counted.map(({ absent }) => absent)),
      };
    },
    markParents({ stream, source, sets, parent }) {
      for (const set of sets) markParents[parent].run(...setOf(source, set), stream);
    },
    absent: ({ source, set, after, limit, noted }) =>
      absent
        .all(...setOf(source, set), after, limit, noted === 'withheld' ? 1 : 0)
        .map((row) => recordOf(source, set, row)),
    note: ({ source, set, after, limit, at, withheld }) =>
      note
        .all(...setOf(source, set), after, limit, at, withheld ? 1 : 0)
        .map(({ externalId }) => externalId)
        .sort()
        .at(-1),
    settle(source, sets) {
      for (const set of sets) settle.run(...setOf(source, set));
    },
    refute(source, sets) {
      for (const set of sets) refute.run(...setOf(source, set));
    },
  };
}

function holdings(database: Database): Pick<Sweeps, 'heldOf'> {
  const find = prepare<AbsentRow>(
    database,
    `SELECT external_id AS externalId, business_key AS businessKey, record
     FROM json_each(?3) AS asked CROSS JOIN records ON records.scope = ${scope} AND external_id = asked.value
     WHERE (lifecycle <> 'cancelled' OR hash = '${unknownContent}') AND (hash IS NOT NULL OR mes_id IS NOT NULL)`,
  );
  return {
    heldOf: (source, refs) =>
      [...Map.groupBy(refs, ({ entity }) => entity)].flatMap(([entity, some]) =>
        find
          .all(source, entity, JSON.stringify(some.map(({ externalId }) => externalId)))
          .map((row) => recordOf(source, { entity }, row)),
      ),
  };
}

function waiting(database: Database): Pick<Sweeps, 'countWaiting' | 'dropWaiting' | 'noteWaiting'> {
  const inSetUnseen = `parked.scope = ${scope} AND ${within} AND ${unseenWaiting}`;
  const count = prepare<{ count: number }>(database, `SELECT count(*) AS count FROM parked WHERE ${inSetUnseen}`);
  const drop = prepare<{ scope: number; externalId: string; isTold: number }>(
    database,
    `DELETE FROM parked WHERE ${inSetUnseen} AND EXISTS (
       SELECT 1 FROM absences WHERE absences.scope = parked.scope AND absences.external_id = parked.external_id AND withheld <= ?5)
     RETURNING scope, external_id AS externalId, record ->> '$.onlyIfKnown' IS NOT NULL AS isTold`,
  );
  const endDoubt = prepare(database, `DELETE FROM records WHERE scope = ? AND external_id = ? AND ${doubtful}`);
  const note = prepare(
    database,
    `INSERT INTO absences (scope, external_id, first_at, last_at, withheld)
     SELECT scope, external_id, ?5, ?5, ?6 FROM parked WHERE ${inSetUnseen}
     ON CONFLICT DO UPDATE SET last_at = excluded.last_at, withheld = min(withheld, excluded.withheld)`,
  );
  return {
    countWaiting: (source, sets) => sum(sets.map((set) => count.get(...setOf(source, set))?.count ?? 0)),
    dropWaiting({ source, sets, noted }) {
      const last = noted === 'withheld' ? 1 : 0;
      const dropped = sets.flatMap((set) => drop.all(...setOf(source, set), last));
      // What waited in a form from before it was gone may be there: the next sweep tells of it.
      for (const each of dropped) if (each.isTold === 1) endDoubt.run(each.scope, each.externalId);
      return dropped.length;
    },
    noteWaiting({ source, sets, at, withheld }) {
      for (const set of sets) note.run(...setOf(source, set), at, withheld ? 1 : 0);
    },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** As it was last delivered; of jobs, which are not kept whole, what names it: the MES keeps what is left out. */
function recordOf(source: string, { entity }: RecordSet, { externalId, businessKey, record }: AbsentRow): MesRecord {
  if (record !== null) return JSON.parse(record) as MesRecord;
  const field = { cell: 'name', job: 'job_number', part: 'part_number', resource: '', operation: '' }[entity];
  const fields = businessKey === null || field === '' ? {} : { [field]: businessKey };
  const inactive = entity === 'cell' || entity === 'resource' ? { active: true } : {};
  return { entity, source, externalId, parents: {}, fields: { ...fields, ...inactive }, lifecycle: 'active' };
}

function ends(database: Database): Pick<Sweeps, 'lateness' | 'status' | 'end' | 'late'> {
  const status = prepare<{ stream: string; at: string; pending: number; withheld: number }>(
    database,
    'SELECT stream, at, pending, withheld FROM sweeps ORDER BY stream',
  );
  const end = prepare(database, 'INSERT OR REPLACE INTO sweeps (stream, at, pending, withheld) VALUES (?, ?, ?, ?)');
  const lateness = prepare<{ rows: number; seconds: number }>(
    database,
    'SELECT late_rows AS rows, seconds FROM lateness WHERE stream = ?',
  );
  const late = prepare(
    database,
    `INSERT INTO lateness (stream, late_rows, seconds) VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET late_rows = late_rows + excluded.late_rows, seconds = max(seconds, excluded.seconds)`,
  );
  return {
    status: () => status.all(),
    end: ({ stream, at, pending, withheld }) => void end.run(stream, at, pending, withheld),
    lateness: (stream) => ({ ...(lateness.get(stream) ?? { rows: 0, seconds: 0 }) }),
    late: (stream, { rows, seconds }) => void late.run(stream, rows, seconds),
  };
}

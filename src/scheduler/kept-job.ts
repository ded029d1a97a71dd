import type { GoodRow } from '../connectors/connector.ts';
import { refOf } from '../core/records.ts';
import type { MesRecord, RecordRef } from '../core/types.ts';

/** Done, and the ERP does not say any more what it was for. */
function isJobless({ entity, parents, lifecycle, onlyIfKnown }: MesRecord): boolean {
  return entity === 'part' && lifecycle === 'closed' && onlyIfKnown === true && parents.job === undefined;
}

/** A part that is done keeps the job that it was delivered with: the MES takes none without one. */
export async function withKeptJobs(
  rows: readonly GoodRow[],
  heldOf: (refs: readonly RecordRef[]) => Promise<MesRecord[]>,
): Promise<readonly GoodRow[]> {
  if (!rows.some(({ records }) => records.some(isJobless))) return rows;
  const jobless = rows.flatMap(({ records }) => records.filter(isJobless));
  const held = await heldOf(jobless.map(refOf));
  const kept = new Map(held.map(({ externalId, parents }) => [externalId, parents]));
  const named = (record: MesRecord): MesRecord =>
    isJobless(record) ? { ...record, parents: kept.get(record.externalId) ?? record.parents } : record;
  return rows.map((row) => ({ ...row, records: row.records.map(named) }));
}

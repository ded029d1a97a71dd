import { recordKey } from '../../core/records.ts';
import type { MesRecord } from '../../core/types.ts';

/** Whose the rows are that were delivered lately: where a list shows no external ids, a row may look like that of another record. */
export interface Owners {
  note(record: MesRecord, mesId: string): void;
  /** The row was delivered for another record. */
  isOthers(record: MesRecord, mesId: string): boolean;
}

const mostRows = 5000;

export function createOwners(): Owners {
  /** By the MES's id, the longest unchanged first. */
  const owners = new Map<string, string>();
  const keyOf = (record: MesRecord) => `${record.source}/${recordKey(record)}`;
  return {
    note(record, mesId) {
      owners.delete(mesId);
      owners.set(mesId, keyOf(record));
      const [oldest] = owners.keys();
      if (owners.size > mostRows && oldest !== undefined) owners.delete(oldest);
    },
    isOthers(record, mesId) {
      const owner = owners.get(mesId);
      return owner !== undefined && owner !== keyOf(record);
    },
  };
}

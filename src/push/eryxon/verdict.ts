import { businessKeyOf } from '../../core/records.ts';
import type { RecordRef } from '../../core/types.ts';
import type { ReadyChange, SinkResult } from '../sink.ts';

/**
 * This MES cannot do what was asked of it, whatever the record: its code and its database differ, or the function does not start.
 * What the installation can do must be found out anew.
 */
export class SchemaError extends Error {
  override name = 'SchemaError';
  /** It lacks this one, without which no such record can be sent. */
  readonly column: string | undefined;
  /** The function does not start. */
  readonly notStarting: boolean;

  constructor(message: string, { column, notStarting = false }: { column?: string; notStarting?: boolean } = {}) {
    super(message);
    this.column = column;
    this.notStarting = notStarting;
  }
}

/** What the text of a database error means. The sentence before it varies by endpoint; only what PostgreSQL says counts. */
export type Verdict =
  | { kind: 'unknown-column'; column: string }
  | { kind: 'duplicate'; constraint: string }
  | { kind: 'missing-parent'; parent: 'job' | 'part' | 'cell' }
  | { kind: 'bad-data' };

const unknownColumn = /Could not find the '(\w+)' column of/;
const duplicateKey = /duplicate key value violates unique constraint "([^"]+)"/;
/** Cells were stages and operations were tasks when their keys were named. */
const foreignKey = /violates foreign key constraint "\w+?_(job|part|cell|stage)_id_fkey"/;
const noParent = /(job|part|cell)_id or (?:valid )?(?:\w+_external_id|cell_name)(?: is)? required/;

export function readVerdict(message: string): Verdict {
  const column = unknownColumn.exec(message)?.[1];
  if (column !== undefined) return { kind: 'unknown-column', column };
  const constraint = duplicateKey.exec(message)?.[1];
  if (constraint !== undefined) return { kind: 'duplicate', constraint };
  const parent = foreignKey.exec(message)?.[1] ?? noParent.exec(message)?.[1];
  if (parent !== undefined) return { kind: 'missing-parent', parent: parent === 'stage' ? 'cell' : asParent(parent) };
  return { kind: 'bad-data' };
}

function asParent(name: string): 'job' | 'part' | 'cell' {
  return name === 'job' || name === 'part' ? name : 'cell';
}

/** Why a record is refused whose number or name another one has, and the way out. */
export function nameTaken({ record }: ReadyChange, constraint: string): string {
  const key = businessKeyOf(record) ?? record.fields['name'] ?? record.externalId;
  const numbered = record.entity === 'job' || record.entity === 'part';
  const advice = numbered
    ? 'Rename or remove that one in the MES, or set numberPrefix, then retry.'
    : 'Two records of this name: rename one in the ERP, or map fields.name of the stream to something unique, then retry.';
  const text = `the ${record.entity} number or name ${JSON.stringify(key)}`;
  return `Another record of the MES, maybe a deleted one, has ${text} already (${constraint}). ${advice}`;
}

/** The record waits for that parent, or is refused when it names none of that kind. */
export function missingParent(parent: 'job' | 'part' | 'cell', change: ReadyChange, message: string): SinkResult {
  const externalId = change.record.parents[parent];
  if (externalId === undefined) return { kind: 'refused', reason: message };
  const waitsFor: RecordRef = { entity: parent, externalId };
  return { kind: 'waiting', waitsFor };
}

import type { Companion, Mapping } from './mapping.ts';

/** Rows of another stream that some rows of this one bring along. */
export interface CompanionRule {
  /** A stream that is opened before. */
  stream: string;
  /** Key of the other stream's row; null or undefined where none is needed. */
  keyOf(row: Record<string, unknown>): unknown;
}

/** What a stream offers to those whose rows bring its rows along. */
export interface CompanionSource {
  bring: Mapping['bring'];
  keyOf(row: unknown): string | undefined;
  /** Rows of these keys just as the stream reads them; what it does not read is missing. */
  rowsOf(keys: readonly string[], signal: AbortSignal): Promise<readonly unknown[]>;
}

export interface Companions {
  /** Lays the other stream's rows into those that need them. */
  complete(rows: readonly unknown[], signal: AbortSignal): Promise<void>;
  companion: Companion;
}

const place = 'companion';

/**
 * A record has one content, whichever row brought it: so the other stream reads and maps its rows itself. Undefined where nothing is
 * brought along.
 */
export function openCompanions(
  rule: CompanionRule | undefined,
  others: ReadonlyMap<string, CompanionSource>,
): Companions | undefined {
  const other = rule && others.get(rule.stream);
  if (rule === undefined || other === undefined) return undefined;
  async function complete(rows: readonly unknown[], signal: AbortSignal): Promise<void> {
    const present = rows.filter((row) => typeof row === 'object' && row !== null) as Record<string, unknown>[];
    const wanted = Map.groupBy(present, (row) => String(rule?.keyOf(row) ?? ''));
    wanted.delete('');
    if (wanted.size === 0 || other === undefined) return;
    for (const found of await other.rowsOf([...wanted.keys()], signal)) {
      for (const row of wanted.get(other.keyOf(found) ?? '') ?? []) row[place] = found;
    }
  }
  return { complete, companion: { rowOf: (row) => (row as Record<string, unknown>)[place], bring: other.bring } };
}

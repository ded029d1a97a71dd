import { type ImageRecord, type MesImage, type Table, tables } from './types.ts';

/** How far what the MES holds is from what it should hold. */
export interface Comparison {
  equal: boolean;
  /** Records that should be there, a table each. */
  source: Record<Table, number>;
  /** Records that are there. */
  mes: Record<Table, number>;
  /** At most 20 sentences for a human, such as `jobs/1000001 customer: expected "A", is "B"`. */
  differences: string[];
}

const differencesShown = 20;
const instantForm = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?))?$/;

/**
 * Compares what the ERP implies with what the MES holds. Only the fields that `expected` names count: the rest belongs
 * to the shop floor. Records in `optional` (`table/externalId`) may be there or not and are counted on both sides when
 * they are: whether a record that was created and cancelled between two polls ever arrived is a matter of luck.
 */
export function compareImages(expected: MesImage, actual: MesImage, optional: Set<string> = new Set()): Comparison {
  const source = {} as Record<Table, number>;
  const mes = {} as Record<Table, number>;
  const differences: string[] = [];
  let found = 0;
  for (const table of tables) {
    const pair = { table, expected: expected[table], actual: actual[table], optional };
    source[table] = countSource(pair);
    mes[table] = actual[table].size;
    for (const difference of tableDifferences(pair)) {
      found += 1;
      if (differences.length < differencesShown) differences.push(difference);
    }
  }
  return { equal: found === 0, source, mes, differences };
}

/** Several comparisons as one. */
export function sumUp(comparisons: readonly Comparison[]): Comparison {
  const sum = (side: 'source' | 'mes') =>
    Object.fromEntries(
      tables.map((table) => [table, comparisons.reduce((total, each) => total + each[side][table], 0)]),
    ) as Record<Table, number>;
  return {
    equal: comparisons.every(({ equal }) => equal),
    source: sum('source'),
    mes: sum('mes'),
    differences: comparisons.flatMap(({ differences }) => differences).slice(0, differencesShown),
  };
}

interface TablePair {
  table: Table;
  expected: Map<string, ImageRecord>;
  actual: Map<string, ImageRecord>;
  optional: Set<string>;
}

function countSource({ table, expected, actual, optional }: TablePair): number {
  if (optional.size === 0) return expected.size;
  let count = 0;
  for (const id of expected.keys()) if (!optional.has(`${table}/${id}`)) count += 1;
  for (const id of actual.keys()) if (optional.has(`${table}/${id}`)) count += 1;
  return count;
}

function* tableDifferences({ table, expected, actual, optional }: TablePair): Generator<string> {
  for (const [id, wanted] of expected) {
    const name = `${table}/${id}`;
    if (optional.has(name)) continue;
    const held = actual.get(id);
    if (held === undefined) yield `${name} is missing`;
    else yield* recordDifferences(name, wanted, held);
  }
  for (const id of actual.keys()) {
    if (!expected.has(id) && !optional.has(`${table}/${id}`)) yield `${table}/${id} is extra`;
  }
}

function* recordDifferences(name: string, wanted: ImageRecord, held: ImageRecord): Generator<string> {
  for (const [field, value] of Object.entries(wanted.fields)) {
    // A field the MES does not have reads as null.
    const is = held.fields[field] ?? null;
    if (!same(value, is)) yield `${name} ${field}: expected ${JSON.stringify(value)}, is ${JSON.stringify(is)}`;
  }
  if (wanted.onHold === true && held.onHold !== true) {
    yield `${name} status: expected "on_hold", is ${JSON.stringify(held.fields['status'] ?? null)}`;
  }
}

function same(wanted: unknown, is: unknown): boolean {
  if (wanted === is) return true;
  if (typeof wanted !== 'string' || typeof is !== 'string') return false;
  if (!instantForm.test(wanted) || !instantForm.test(is)) return false;
  return Date.parse(wanted) === Date.parse(is);
}

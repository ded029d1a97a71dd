import { refOf } from '../../../core/records.ts';
import type { KeyPage, KeyReader, KeyRow, MappedRow } from '../../connector.ts';
import { literal } from './values.ts';
import { conjunction, keyBehind, keyValues, type WalkCursor, type WalkTarget, walkByKey } from './walk.ts';

export interface ODataKeysOptions {
  /** The entity set with its filters; `select` is replaced. */
  target(signal: AbortSignal): Promise<WalkTarget>;
  /** What tells a record's id, and whether it is wanted at all. */
  properties(): Promise<readonly string[]>;
  /** Maps rows of these properties into records that are but their ids. */
  map(rows: readonly unknown[]): Promise<MappedRow[]>;
}

/** Comparisons a request: `or` lists run into URL limits of gateways and proxies, some as low as 2 KB. */
const comparisonsPerRequest = 30;

interface RawKeys {
  /** The row's own key. */
  key: readonly unknown[];
}

/** Reads the keys of an entity set, and whole rows by their keys. */
export function createODataKeys({ target, properties, map }: ODataKeysOptions): KeyReader {
  async function keyTarget(signal: AbortSignal): Promise<WalkTarget> {
    const whole = await target(signal);
    const stamp = whole.stamp === undefined ? [] : [whole.stamp];
    const wanted = (await properties()).filter((name) => whole.types.has(name));
    return { ...whole, select: [...new Set([...whole.key, ...stamp, ...wanted])] };
  }

  return {
    async *read(signal) {
      const keys = await keyTarget(signal);
      let behind: KeyPage['behind'] = null;
      for await (const { rows, cursor } of walkByKey(keys, { base: undefined, cursor: undefined }, signal)) {
        yield { ...toKeys(keys, rows, await map(rows)), behind };
        behind = (cursor as WalkCursor & { by: 'key' }).key;
      }
    },
    async rows(page, wanted, signal) {
      const whole = await target(signal);
      const perRequest = Math.ceil(comparisonsPerRequest / whole.key.length);
      const ranged = wanted.length > perRequest ? await readRange(whole, page, signal) : [];
      const found = new Map(ranged.map((row) => [keyText(keyValues(whole, row)), row]));
      const rows: unknown[] = wanted.map(({ raw }) => found.get(textOf(raw))).filter((row) => row !== undefined);
      // What the range brought no more (rows came and shifted its end) is asked for by itself.
      const left = wanted.filter(({ raw }) => !found.has(textOf(raw)));
      for (let at = 0; at < left.length; at += perRequest) {
        rows.push(...(await readSome(whole, left.slice(at, at + perRequest), signal)));
      }
      return rows;
    },
  };
}

function toKeys(target: WalkTarget, rows: readonly unknown[], mapped: readonly MappedRow[]): Omit<KeyPage, 'behind'> {
  const keys: KeyRow[] = [];
  for (const [index, row] of mapped.entries()) {
    if (row.kind !== 'good') continue;
    const raw: RawKeys = { key: keyValues(target, rows[index]) };
    const refs = row.records.map(refOf);
    const leftOut = row.records.some(({ onlyIfKnown }) => onlyIfKnown === true);
    keys.push({ refs, stamp: row.stamp, leftOut, raw });
  }
  return { keys, rows: rows.length, unreadable: rows.length - keys.length };
}

/** As many whole rows as a page of keys has, from where it began. */
async function readRange(target: WalkTarget, { behind }: KeyPage, signal: AbortSignal): Promise<readonly unknown[]> {
  const start = behind === null ? undefined : keyBehind(target, behind as readonly unknown[]);
  const filter = conjunction(target.filter, start);
  const { client, path, select, pageSize: top } = target;
  return client.rows({ path, filter, orderBy: target.key.join(','), top, select }, signal);
}

async function readSome(
  target: WalkTarget,
  wanted: readonly KeyRow[],
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const one = ({ raw }: KeyRow) =>
    target.key
      .map((name, index) => {
        const type = target.types.get(name) ?? 'Edm.String';
        return `${name} eq ${literal(target.version, type, (raw as RawKeys).key[index])}`;
      })
      .join(' and ');
  const any = wanted.map((row) => (target.key.length === 1 ? one(row) : `(${one(row)})`)).join(' or ');
  const { client, path, select, pageSize } = target;
  const top = Math.max(pageSize, wanted.length);
  return client.rows({ path, filter: conjunction(target.filter, any), top, select }, signal);
}

function textOf(raw: unknown): string {
  return keyText((raw as RawKeys).key);
}

function keyText(values: readonly unknown[]): string {
  return JSON.stringify(values);
}

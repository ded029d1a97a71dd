import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entity, LedgerEntry, MesRecord } from '../../src/core/types.ts';
import { type DiffInput, diffPage, toChange } from '../../src/scheduler/diff.ts';
import { record } from '../support/state-builders.ts';

const unknown: LedgerEntry = {
  hash: null,
  mesId: null,
  businessKey: null,
  lifecycle: 'active',
  refusedHash: null,
  stamp: null,
};

function hashOf(of: MesRecord): string {
  return toChange(of, undefined, null).hash;
}

/** A ledger that holds these records, or what else is said of them. */
function ledger(...entries: [MesRecord, Partial<LedgerEntry>?][]): DiffInput['lookup'] {
  const known = new Map(
    entries.map(([of, rest = { hash: hashOf(of), mesId: 'id' }]) => [
      `${of.entity}/${of.externalId}`,
      { ...unknown, ...rest },
    ]),
  );
  return async (entity: Entity, ids) =>
    new Map(ids.flatMap((id) => [[id, known.get(`${entity}/${id}`)] as const]).filter(isThere));
}

function isThere(pair: readonly [string, LedgerEntry | undefined]): pair is [string, LedgerEntry] {
  return pair[1] !== undefined;
}

function rows(...records: MesRecord[]): DiffInput['rows'] {
  return records.map((of) => ({ records: [of], stamp: null }));
}

const a = record('1', { fields: { customer: 'A' } });
const b = record('1', { fields: { customer: 'B' } });
const ref = { entity: 'job', externalId: '1' };

describe('the comparison of a page with the ledger', () => {
  it('finds a record that the ledger does not know', async () => {
    const diff = await diffPage({ rows: rows(a), lookup: ledger(), keepStamps: false });
    expect(diff.changes).toMatchObject([{ record: a, known: undefined, fieldsJson: '{"customer":"A"}' }]);
    expect(diff.unchanged).toEqual([]);
  });

  it('finds nothing to send where the MES holds what the ERP shows', async () => {
    const diff = await diffPage({ rows: rows(a), lookup: ledger([a]), keepStamps: false });
    expect(diff).toMatchObject({ changes: [], unchanged: [ref] });
  });

  it('goes by the last row of a key: A, then B, then A again in one page is no change of A', async () => {
    const lookup = ledger([a]);
    expect(await diffPage({ rows: rows(a, b, a), lookup, keepStamps: false })).toMatchObject({
      changes: [],
      unchanged: [ref],
    });
    expect(await diffPage({ rows: rows(b, a), lookup, keepStamps: false })).toMatchObject({
      changes: [],
      unchanged: [ref],
    });
    const changed = await diffPage({ rows: rows(a, b), lookup, keepStamps: false });
    expect(changed.changes.map((change) => change.record)).toEqual([b]);
    expect(changed.unchanged).toEqual([]);
  });

  it('does not send again what the MES has refused in just this form, and sends any other', async () => {
    const lookup = ledger([a, { hash: null, refusedHash: hashOf(a) }]);
    expect(await diffPage({ rows: rows(a), lookup, keepStamps: false })).toMatchObject({
      changes: [],
      unchanged: [],
      refusedBefore: 1,
    });
    expect((await diffPage({ rows: rows(b), lookup, keepStamps: false })).changes).toHaveLength(1);
  });

  it('sends what is forced, refused before or held already', async () => {
    const lookup = ledger([a, { hash: hashOf(a), refusedHash: hashOf(b) }]);
    expect((await diffPage({ rows: rows(a), lookup, keepStamps: false, force: true })).changes).toHaveLength(1);
    expect((await diffPage({ rows: rows(b), lookup, keepStamps: false, force: true })).changes).toHaveLength(1);
  });

  it('tells a row with a new stamp from one that is as it was, where stamps are kept', async () => {
    const lookup = ledger([a, { hash: hashOf(a), stamp: '1' }]);
    const page = [{ records: [a], stamp: '2' }];
    const restamped = { ...ref, lifecycle: 'active', stamp: '2' };
    const compared = async (known: typeof lookup) =>
      (await diffPage({ rows: page, lookup: known, keepStamps: true })).restamped;
    expect(await compared(lookup)).toEqual([{ ...restamped, hadStamp: true }]);
    expect(await compared(ledger([a, { hash: hashOf(a), stamp: null }]))).toEqual([{ ...restamped, hadStamp: false }]);
    expect((await diffPage({ rows: page, lookup, keepStamps: false })).restamped).toEqual([]);
    const same = [{ records: [a], stamp: '1' }];
    expect((await diffPage({ rows: same, lookup, keepStamps: true })).restamped).toEqual([]);
    const unstamped = [{ records: [a], stamp: null }];
    expect((await diffPage({ rows: unstamped, lookup, keepStamps: true })).restamped).toEqual([]);
  });

  it('looks each entity up once, however many rows there are', async () => {
    const asked: [Entity, number][] = [];
    const lookup: DiffInput['lookup'] = async (entity, ids) => {
      asked.push([entity, ids.length]);
      return new Map();
    };
    const page = [record('1'), record('2'), record('1'), record('1', { entity: 'part' })];
    await diffPage({ rows: rows(...page), lookup, keepStamps: false });
    expect(asked).toEqual([
      ['job', 2],
      ['part', 1],
    ]);
  });
});

describe('a cancellation that counts only for what the MES holds', () => {
  const gone = record('1', { lifecycle: 'cancelled', onlyIfKnown: true });

  it('is no news where the MES never got the record, not even when forced', async () => {
    for (const force of [false, true]) {
      const diff = await diffPage({ rows: rows(gone), lookup: ledger(), keepStamps: false, force });
      expect(diff.changes).toEqual([]);
      expect(diff.withdrawn).toEqual([ref]);
    }
    const refusedOnce = ledger([gone, { refusedHash: 'x' }]);
    expect((await diffPage({ rows: rows(gone), lookup: refusedOnce, keepStamps: false })).withdrawn).toEqual([ref]);
  });

  it('is sent where the MES holds it, also after its sync hash was forgotten', async () => {
    for (const entry of [{ hash: 'x' }, { hash: null, mesId: 'id' }]) {
      const diff = await diffPage({ rows: rows(gone), lookup: ledger([gone, entry]), keepStamps: false });
      expect(diff.changes).toHaveLength(1);
      expect(diff.withdrawn).toEqual([]);
    }
  });
});

describe('the sync hash', () => {
  const field = fc.string({ minLength: 1, maxLength: 8 });
  const value = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null));

  it('is the same for equal records, whatever the ledger knows of them', () => {
    fc.assert(
      fc.property(fc.dictionary(field, value), fc.string(), (fields, job) => {
        const one = record('1', { fields, parents: { job } });
        const other = record('1', { fields: structuredClone(fields), parents: { job } });
        expect(hashOf(other)).toBe(hashOf(one));
        expect(toChange(other, { ...unknown, hash: 'x', mesId: 'y' }, 'z').hash).toBe(hashOf(one));
      }),
    );
  });

  it('differs with any field, any parent and the lifecycle', () => {
    fc.assert(
      fc.property(value, value, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other));
        const with1 = record('1', { fields: { x: one } });
        expect(hashOf(record('1', { fields: { x: other } }))).not.toBe(hashOf(with1));
      }),
    );
    const variants = [
      record('1'),
      record('1', { lifecycle: 'cancelled' }),
      record('1', { lifecycle: 'closed' }),
      record('1', { parents: { job: '1' } }),
      record('1', { parents: { part: '1' } }),
      record('1', { parents: { cell: '1' } }),
      record('1', { parents: { job: '1', part: '1' } }),
      record('1', { parents: { job: '11' } }),
    ];
    expect(new Set(variants.map(hashOf)).size).toBe(variants.length);
  });

  it('is the one that released versions wrote: another would send everything again', () => {
    const of = record('1', { parents: { job: 'J' }, fields: { job_number: '1', due_date: null, quantity: 3 } });
    expect(hashOf(of)).toBe('vG2Zotiriy6cDYRImWaihQSzUiXbUfR8q9FkjMHRu30');
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyReader, Stream } from '../../src/connectors/connector.ts';
import { TransientError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { ListedRecord } from '../../src/push/sink.ts';
import { type FakeRow, fakeStream, keysOf, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

let rows: FakeRow[];
let rig: Rig;
/** What the source lists, in place of all rows. */
let listed: (rows: FakeRow[]) => FakeRow[];
/** What it says of their number, in place of the truth. */
let count: (() => number | null) | undefined;
let keys: KeyReader;

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function part(id: string, minutes = -60, rest: Partial<MesRecord> = {}): FakeRow {
  const base = { entity: 'part', source, externalId: id, parents: {}, lifecycle: 'active' } as const;
  const fields = { part_number: `P${id}`, quantity: minutes };
  return { key: id, stamp: at(minutes), records: [{ ...base, fields, ...rest }] };
}

function vanish(...ids: string[]): void {
  for (const id of ids) {
    const index = rows.findIndex(({ key }) => key === id);
    if (index >= 0) rows.splice(index, 1);
  }
}

const ids = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);

function lifecycles(): Record<string, string> {
  return Object.fromEntries([...rig.sink.held.values()].map(({ record }) => [record.externalId, record.lifecycle]));
}

function cancelled(): string[] {
  return Object.entries(lifecycles())
    .filter(([, lifecycle]) => lifecycle === 'cancelled')
    .map(([id]) => id);
}

async function open(parts: readonly FakeRow[]): Promise<void> {
  rows = [...parts];
  listed = (all) => all;
  count = undefined;
  keys = keysOf(rows, { pageSize: 5, listed: (all) => listed(all) });
  const stream = fakeStream(rows, {
    entity: 'part',
    keys: { read: (signal) => keys.read(signal), rows: (...asked) => keys.rows(...asked) },
  });
  rig = await openRig([{ ...stream, count: async () => (count === undefined ? rows.length : count()) }]);
  await rig.run();
}

beforeEach(() => open(ids(1, 27).map((id) => part(id))));

describe('a record that the ERP lists no more', () => {
  it('is noted by one sweep and marked by the next', async () => {
    vanish('3');
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', checked: 26, extra: 1, pending: 1, vanished: 0 }]);
    expect(cancelled()).toEqual([]);
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', pending: 0, vanished: 1, repaired: 1 }]);
    expect(cancelled()).toEqual(['3']);
    expect(rig.sink.held.get('part/3')?.record.fields).toEqual({ part_number: 'P3', quantity: -60 });
    expect(await rig.reconcile()).toMatchObject([{ extra: 0, repaired: 0 }]);
  });

  it('stays when the second sweep lists it again', async () => {
    const gone = rows.find(({ key }) => key === '3') as FakeRow;
    vanish('3');
    await rig.reconcile();
    put(rows, gone);
    await rig.reconcile();
    vanish('3');
    await rig.reconcile();
    expect(cancelled()).toEqual([]);
  });

  it('is left as it is when the ERP had closed it: closed records leave an ERP by being archived', async () => {
    put(rows, part('3', -5, { lifecycle: 'closed' }));
    await rig.run();
    vanish('3');
    await rig.reconcile();
    expect(await rig.reconcile()).toMatchObject([{ extra: 0, vanished: 0 }]);
    expect(lifecycles()['3']).toBe('closed');
  });

  it('is active again when it comes back, with the same stamp too', async () => {
    const gone = rows.find(({ key }) => key === '3') as FakeRow;
    vanish('3');
    await rig.reconcile();
    await rig.reconcile();
    put(rows, gone);
    expect(await rig.reconcile()).toMatchObject([{ stale: 1, repaired: 1 }]);
    expect(lifecycles()['3']).toBe('active');
  });

  it('is missed also where no row has a stamp that a watermark could come from', async () => {
    rows = [part('1'), part('2')].map((row) => ({ ...row, stamp: '29991231235959' }));
    keys = keysOf(rows, { pageSize: 5, listed: (all) => listed(all) });
    rig = await openRig([fakeStream(rows, { entity: 'part', stampKind: 'char14', keys })]);
    await rig.reconcile();
    expect(await rig.run()).toMatchObject([{ watermark: { after: null }, created: 2 }]);
    vanish('1');
    await rig.reconcile();
    expect(await rig.reconcile()).toMatchObject([{ checked: 1, vanished: 1 }]);
    expect(cancelled()).toEqual(['1']);
  });

  it('is left alone by the policy ignore, and counts for no guard', async () => {
    rig.deletes.policies = { part: 'ignore' };
    vanish(...ids(1, 20));
    await rig.reconcile();
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', vanished: 0, withheld: 0 }]);
    expect(cancelled()).toEqual([]);
  });

  it('is deleted by the policy delete, and forgotten, so that it can be created anew', async () => {
    const removed: string[] = [];
    rig.deletes.policies = { part: 'delete' };
    rig.deletes.remover.remove = async ({ mesId }) => {
      removed.push(mesId);
      return { kind: 'removed', requests: 3 };
    };
    vanish('3');
    await rig.reconcile();
    expect(await rig.reconcile()).toMatchObject([{ vanished: 1, requests: { mes: 3 } }]);
    expect(removed).toEqual(['id-3']);
    expect(cancelled()).toEqual([]);
    rig.sink.held.delete('part/3');
    put(rows, part('3', 10));
    rig.sourceNow.at = new Date(at(30));
    const [result] = await rig.run();
    expect(result).toMatchObject({ created: 1 });
  });

  it('is marked when the MES keeps what is to be deleted', async () => {
    rig.deletes.policies = { part: 'delete' };
    rig.deletes.remover.remove = async () => ({ kind: 'kept', reason: 'operations refer to it', requests: 2 });
    vanish('3');
    await rig.reconcile();
    await rig.reconcile();
    expect(cancelled()).toEqual(['3']);
  });
});

describe('a record that waits for its parent', () => {
  const waiting = async () => (await rig.store.status()).reduce((sum, { parked }) => sum + parked, 0);

  beforeEach(async () => {
    put(rows, part('40', -5, { parents: { job: 'never read' } }));
    await rig.run();
    expect(await waiting()).toBe(1);
  });

  it('waits no longer when two sweeps have missed it: the ERP has deleted it before the MES had it', async () => {
    vanish('40');
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', pending: 1, vanished: 0 }]);
    expect(await waiting()).toBe(1);
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', pending: 0, vanished: 1 }]);
    expect(await waiting()).toBe(0);
    expect(rig.sink.held.has('part/40')).toBe(false);
  });

  it('goes on waiting when the second sweep lists it again, and after a list of nothing', async () => {
    const gone = rows.find(({ key }) => key === '40') as FakeRow;
    vanish('40');
    await rig.reconcile();
    put(rows, gone);
    await rig.reconcile();
    vanish('40');
    await rig.reconcile();
    expect(await waiting()).toBe(1);
    vanish(...ids(1, 27));
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'withheld' }]);
    expect(await waiting()).toBe(1);
  });
});

describe('nothing is concluded', () => {
  const nothing = async () => {
    for (let sweep = 0; sweep < 3; sweep += 1) await rig.reconcile();
    expect(cancelled()).toEqual([]);
  };

  it('from an empty list, not even for a set smaller than the guard', async () => {
    await open(ids(1, 8).map((id) => part(id)));
    listed = () => [];
    count = () => 0;
    await nothing();
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'withheld', withheld: 8 }]);
  });

  it('from a list that is shorter than the ERP says it is', async () => {
    listed = (all) => all.slice(0, 22);
    await nothing();
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'failed', error: expect.stringContaining('22 of 27') }]);
  });

  it('from a list whose pages fail half-way', async () => {
    const whole = keys;
    keys = {
      ...whole,
      async *read(signal) {
        let pages = 0;
        for await (const page of whole.read(signal)) {
          pages += 1;
          if (pages > 2) throw new TransientError('HTTP 503');
          yield page;
        }
      },
    };
    vanish('27');
    await nothing();
  });

  it('from rows whose keys cannot be read', async () => {
    const whole = keys;
    keys = {
      ...whole,
      async *read(signal) {
        for await (const page of whole.read(signal)) yield { ...page, keys: page.keys.slice(1), unreadable: 1 };
      },
    };
    await nothing();
    expect(await rig.reconcile()).toMatchObject([
      { outcome: 'failed', error: expect.stringContaining('no readable key') },
    ]);
  });

  it('from many at once, until it is released by hand', async () => {
    const withheld = collect(rig.events, 'absence:withheld');
    const settled = collect(rig.events, 'absence:settled');
    vanish(...ids(1, 11));
    await nothing();
    expect(withheld[0]).toEqual({ stream: 'plant/orders', vanished: 11, verb: 'reconcile' });
    expect(settled).toEqual([]);
    expect(await rig.reconcile({ release: true })).toMatchObject([{ outcome: 'ok', vanished: 11 }]);
    expect(cancelled()).toHaveLength(11);
    expect(settled).toHaveLength(1);
  });

  it('by a release from what only that sweep has missed', async () => {
    vanish(...ids(1, 11));
    await rig.reconcile({ release: true });
    expect(cancelled()).toEqual([]);
    await rig.reconcile({ release: true });
    expect(cancelled()).toHaveLength(11);
  });

  it('from the withheld absences of a passing fault, when the next list is whole', async () => {
    const settled = collect(rig.events, 'absence:settled');
    listed = () => [];
    count = () => 0;
    await rig.reconcile();
    listed = (all) => all;
    count = undefined;
    vanish('5');
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', pending: 1 }]);
    expect(settled).toHaveLength(1);
    expect(cancelled()).toEqual([]);
  });

  it('while ten of 27 are few enough', async () => {
    vanish(...ids(1, 10));
    await rig.reconcile();
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', vanished: 10 }]);
  });
});

describe('reconciling repairs', () => {
  it('what became visible behind the overlap, new and changed, and counts it as late', async () => {
    await rig.run();
    const late = collect(rig.events, 'rows:late');
    put(rows, part('99', -300), part('4', -50));
    rig.sourceNow.at = new Date(at(5));
    await rig.run();
    expect(rig.sink.held.has('part/99')).toBe(false);
    expect(await rig.reconcile()).toMatchObject([{ missing: 1, stale: 1, repaired: 2 }]);
    expect(rig.sink.held.get('part/4')?.record.fields['quantity']).toBe(-50);
    expect(late.reduce((sum, each) => sum + each.rows, 0)).toBe(2);
    expect(await rig.reconcile()).toMatchObject([{ checked: 28, missing: 0, stale: 0, repaired: 0 }]);
  });

  it('without reading a row whose key and stamp are proof enough', async () => {
    // The first sweep writes down the stamps of the last week, which the first load has not kept.
    await rig.reconcile();
    const read = countWholeRows();
    put(rows, part('4', -20));
    await rig.reconcile();
    expect(read()).toBe(1);
  });

  it('without reading again what the last whole read has compared, but for stamps of the week before it', async () => {
    const week = 7 * 24 * 60;
    await open([part('old', -week - 60), part('recent', -week + 60)]);
    const read = countWholeRows();
    expect(await rig.reconcile()).toMatchObject([{ checked: 2, repaired: 0 }]);
    expect(read()).toBe(1);
  });

  it('what is listed again after it was cancelled, however old its stamp', async () => {
    await open(ids(1, 27).map((id) => part(id, -30 * 24 * 60)));
    const gone = rows.find(({ key }) => key === '3') as FakeRow;
    vanish('3');
    await rig.reconcile();
    await rig.reconcile();
    expect(cancelled()).toEqual(['3']);
    put(rows, gone);
    expect(await rig.reconcile()).toMatchObject([{ stale: 1, repaired: 1 }]);
    expect(cancelled()).toEqual([]);
  });

  it('what the MES has lost, where it lists what it holds', async () => {
    lists(() => rows.filter(({ key }) => key !== '6' && key !== '7').map(({ key }) => ({ mesId: `id-${key}` })));
    rig.sink.held.delete('part/6');
    rig.sink.held.delete('part/7');
    expect(await rig.reconcile({ mes: true })).toMatchObject([{ outcome: 'ok', lost: 2, missing: 2, repaired: 2 }]);
    expect(rig.sink.held.has('part/6')).toBe(true);
  });

  it('nothing in the MES after a list that shows next to nothing', async () => {
    lists(() => []);
    const before = rig.sink.batches.length;
    expect(await rig.reconcile({ mes: true })).toMatchObject([{ outcome: 'withheld', lost: 0, withheld: 27 }]);
    expect(rig.sink.batches).toHaveLength(before);
  });

  it('nothing of what the MES holds of this source and the ledger does not know: it is only counted', async () => {
    lists(() => [...rows.map(({ key }) => ({ mesId: `id-${key}` })), { mesId: 'x', externalId: 'other', source }]);
    expect(await rig.reconcile({ mes: true })).toMatchObject([{ outcome: 'ok', extra: 1, repaired: 0 }]);
  });

  /** From now on. */
  function countWholeRows(): () => number {
    let read = 0;
    const whole = keys;
    keys = {
      ...whole,
      rows(page, wanted, signal) {
        read += wanted.length;
        return whole.rows(page, wanted, signal);
      },
    };
    return () => read;
  }

  function lists(held: () => Partial<ListedRecord>[]): void {
    rig.sink.list = async () =>
      (async function* () {
        for (const row of held()) yield { businessKey: null, fields: {}, mesId: '', ...row };
      })();
  }
});

describe('a run in a program that is told to stop', () => {
  it.each(['keys', 'whole rows'])('of %s begins no other page, and nothing is concluded', async (what) => {
    const stopping = new AbortController();
    let [pages, armed] = [0, false];
    const turn = () => {
      pages += 1;
      if (armed && pages === 2) stopping.abort(new Error('The program is stopping.'));
    };
    rows = ids(1, 27).map((id) => part(id));
    const { read, ...rest } = keysOf(rows, { pageSize: 5 });
    const reader: KeyReader = {
      ...rest,
      async *read(signal) {
        for await (const page of read(signal)) {
          turn();
          yield page;
        }
      },
    };
    const stream = fakeStream(rows, { entity: 'part', pageSize: 5 });
    const map: Stream['map'] = (...page) => {
      turn();
      return stream.map(...page);
    };
    rig = await openRig([what === 'keys' ? { ...stream, keys: reader } : { ...stream, map }]);
    await rig.run();
    [pages, armed] = [0, true];
    vanish('3');
    const [result] = await rig.reconcile({ stopping: stopping.signal });
    expect(result).toMatchObject({ outcome: 'failed', error: 'The program is stopping.', pending: 0 });
    expect(result?.checked).toBeLessThan(10);
    expect(pages).toBeLessThan(4);
    expect(await rig.reconcile()).toMatchObject([{ outcome: 'ok', pending: 1 }]);
  });

  it('says of each stream that was not begun that it was not', async () => {
    const stopping = AbortSignal.abort();
    expect(await rig.reconcile({ stopping })).toMatchObject([
      { outcome: 'failed', checked: 0, error: 'Not run: the program is stopping.' },
    ]);
  });
});

describe('a scheduled run', () => {
  const never = new AbortController().signal;
  const due = () => rig.reconciler.runDue(new Map(), never);

  it('comes one period after the stream was first seen, then a second look at what was missed', async () => {
    expect(await due()).toEqual([]);
    await rig.clock.advance(86_399_000);
    expect(await due()).toEqual([]);
    vanish('3');
    await rig.clock.advance(1000);
    expect(await due()).toMatchObject([{ pending: 1 }]);
    expect(await due()).toEqual([]);
    await rig.clock.advance(600_000);
    expect(await due()).toMatchObject([{ vanished: 1 }]);
    await rig.clock.advance(600_000);
    expect(await due()).toEqual([]);
  });

  it('deletes out of what is planned for passes, and a person out of the reserve', async () => {
    const callers: unknown[] = [];
    rig.deletes.policies = { part: 'delete' };
    rig.deletes.remover.remove = async (_removal, _signal, caller) => {
      callers.push(caller);
      return { kind: 'removed', requests: 1 };
    };
    expect(await due()).toEqual([]);
    vanish('3');
    await rig.clock.advance(86_400_000);
    await due();
    await rig.clock.advance(600_000);
    expect(await due()).toMatchObject([{ vanished: 1 }]);
    vanish('4');
    await rig.reconcile();
    await rig.reconcile();
    expect(callers).toEqual([undefined, 'operator']);
  });

  it('says again after a restart what is still withheld', async () => {
    vanish(...ids(1, 11));
    await rig.reconcile();
    const withheld = collect(rig.events, 'absence:withheld');
    await due();
    expect(withheld).toEqual([{ stream: 'plant/orders', vanished: 11, verb: 'reconcile' }]);
  });

  it('rests after a failure', async () => {
    await due();
    await rig.clock.advance(86_400_000);
    listed = (all) => all.slice(0, 22);
    expect(await due()).toMatchObject([{ outcome: 'failed' }]);
    expect(await due()).toEqual([]);
    await rig.clock.advance(900_000);
    expect(await due()).toMatchObject([{ outcome: 'failed' }]);
  });

  it('leaves out a stream that waits for a human', async () => {
    await due();
    await rig.clock.advance(86_400_000);
    expect(await rig.reconciler.runDue(new Map([['orders', {}]]), never)).toEqual([]);
  });
});

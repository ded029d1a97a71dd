import { describe, expect, it } from 'vitest';
import type { Page } from '../../src/connectors/connector.ts';
import { TransientError } from '../../src/core/errors.ts';
import type { MesRecord } from '../../src/core/types.ts';
import type { PageCommit, PassFinish, Store } from '../../src/state/store.ts';
import { type FakeRow, fakeStream, openRig, put, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000);

function job(id: string, minutes = -120, rest: Partial<MesRecord> = {}): FakeRow {
  const base = { entity: 'job', source, externalId: id, parents: {}, lifecycle: 'active' } as const;
  return {
    key: id,
    stamp: at(minutes).toISOString(),
    records: [{ ...base, fields: { job_number: `${id} at ${minutes}` }, ...rest }],
  };
}

function part(id: string, parent: string, rest: Partial<MesRecord> = {}): FakeRow {
  return job(id, -120, { entity: 'part', parents: { job: parent }, fields: { part_number: id }, ...rest });
}

const jobs = (count: number) => Array.from({ length: count }, (_, index) => job(`${index + 10}`, -120 - index));

/** Notes what a pass writes, in order. */
function noting(log: (PageCommit | PassFinish)[]): (store: Store) => Store {
  return (store) => ({
    ...store,
    async commit(page) {
      const news = await store.commit(page);
      log.push(page);
      return news;
    },
    async finish(finish) {
      log.push(finish);
      await store.finish(finish);
    },
  });
}

const scheduled = { manual: false };

describe('a pass', () => {
  it('makes the watermark durable last, after the outcomes of every page', async () => {
    const log: (PageCommit | PassFinish)[] = [];
    const rig = await openRig([fakeStream(jobs(7), { pageSize: 2 })], noting(log));
    await rig.run();
    expect(log.map((write) => ('outcomes' in write ? write.outcomes.length : 'watermark'))).toEqual([
      2,
      2,
      2,
      1,
      'watermark',
    ]);
  });

  it('sends nothing of a page before the outcomes of the one before it are durable', async () => {
    const log: string[] = [];
    const slowDisk = (store: Store): Store => ({
      ...store,
      async commit(page) {
        const news = await store.commit(page);
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push('durable');
        return news;
      },
    });
    const rig = await openRig([fakeStream(jobs(6), { pageSize: 2 })], slowDisk);
    rig.sink.before = () => void log.push('sent');
    await rig.run();
    expect(log).toEqual(['sent', 'durable', 'sent', 'durable', 'sent', 'durable']);
  });

  it('fails when the last page does not become durable', async () => {
    let commits = 0;
    const fullDisk = (store: Store): Store => ({
      ...store,
      async commit(page) {
        commits += 1;
        if (commits === 3) throw new TransientError('The disk is full.');
        return store.commit(page);
      },
    });
    const rig = await openRig([fakeStream(jobs(6), { pageSize: 2 })], fullDisk);
    expect(await rig.run()).toMatchObject([{ outcome: 'failed', created: 4, error: 'The disk is full.' }]);
    expect((await rig.store.begin('plant/orders')).watermark).toBeNull();
  });

  it('that cannot push a page keeps the watermark, commits what was delivered, and goes on behind it', async () => {
    const rows = jobs(9);
    const rig = await openRig([fakeStream(rows, { pageSize: 3 })]);
    let pages = 0;
    rig.sink.before = () => {
      pages += 1;
      if (pages === 3) throw new TransientError('HTTP 503');
    };
    expect(await rig.run()).toMatchObject([{ outcome: 'failed', created: 6, error: 'HTTP 503' }]);
    expect((await rig.store.begin('plant/orders')).watermark).toBeNull();
    rig.sink.before = () => undefined;
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', read: 3, created: 3 }]);
    expect(rig.sink.batches.flat().sort()).toEqual(rows.map(({ key }) => `job/${key}`).sort());
  });

  it('that ends by a bug while it pushes keeps what was delivered before it', async () => {
    const rows = [...jobs(3), part('p', '10')];
    const rig = await openRig([fakeStream(rows, { owns: [{ entity: 'job' }, { entity: 'part' }] })]);
    rig.sink.before = ({ entity }) => {
      if (entity === 'part') throw new TypeError('undefined is not a function');
    };
    const failed = { outcome: 'failed', created: 3, error: 'undefined is not a function' };
    expect(await rig.run()).toMatchObject([failed]);
    expect([...(await rig.store.lookup(source, 'job', ['10', '11', '12'])).keys()]).toEqual(['10', '11', '12']);
    rig.sink.before = () => undefined;
    await rig.run();
    expect(rig.sink.batches).toEqual([['job/12', 'job/11', 'job/10'], ['part/p']]);
  });

  it('of a first load that was interrupted goes on with all that has changed since its first start', async () => {
    const rows = jobs(6);
    const rig = await openRig([fakeStream(rows, { pageSize: 2, overlapSeconds: 0 })]);
    let pages = 0;
    rig.sink.before = () => {
      pages += 1;
      if (pages === 2) throw new TransientError('HTTP 503');
    };
    await rig.run();
    rig.sink.before = () => undefined;
    // Changed while the load was down, at a place that it has passed already.
    put(rows, job('15', 30));
    rig.sourceNow.at = at(60);
    await rig.run();
    expect(rig.sink.held.get('job/15')?.fieldsJson).toContain('15 at 30');
    expect((await rig.store.begin('plant/orders')).watermark?.value).toBe(at(60).toISOString());
  });

  it('of everything, asked for by a person, begins anew where another was interrupted: what it has passed may have changed without a stamp', async () => {
    const rows = jobs(6);
    const rig = await openRig([fakeStream(rows, { pageSize: 2 })]);
    let pages = 0;
    rig.sink.before = () => {
      pages += 1;
      if (pages === 2) throw new TransientError('HTTP 503');
    };
    await rig.run();
    rig.sink.before = () => undefined;
    const passed = rows.find(({ key }) => rig.sink.held.has(`job/${key}`)) as FakeRow;
    put(rows, { ...passed, records: job(passed.key, 30).records });
    await rig.run({ full: true });
    expect(rig.sink.held.get(`job/${passed.key}`)?.fieldsJson).toContain(`${passed.key} at 30`);
  });

  it('that fails to push gives up the page that is being fetched, instead of waiting for it', async () => {
    let given = false;
    const stream = fakeStream([], {
      async *read(_window, _cursor, signal): AsyncGenerator<Page> {
        yield { rows: jobs(1), cursor: 1 };
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            given = true;
            reject(signal.reason);
          });
        });
      },
    });
    const rig = await openRig([stream]);
    rig.sink.before = () => {
      throw new TransientError('HTTP 503');
    };
    expect(await rig.run()).toMatchObject([{ outcome: 'failed', error: 'HTTP 503' }]);
    expect(given).toBe(true);
  });

  it('does not believe an answer that says nothing of a record: the pass fails, and asks again', async () => {
    const rows = [job('1'), job('2')];
    const rig = await openRig([fakeStream(rows)]);
    rig.sink.verdict = ({ record }) => (record.externalId === '2' ? { kind: 'unproven' } : undefined);
    expect(await rig.run()).toMatchObject([{ outcome: 'failed', created: 1 }]);
    expect((await rig.store.lookup(source, 'job', ['2'])).size).toBe(0);
    rig.sink.verdict = () => ({ kind: 'delivered', action: 'created', mesId: 'x' });
    expect(await rig.run()).toMatchObject([{ outcome: 'ok' }]);
    expect((await rig.store.lookup(source, 'job', ['2'])).get('2')?.mesId).toBe('x');
  });

  it('reads the same window again in a new cursor when the mapping has changed in between', async () => {
    const rows = jobs(6);
    const stream = fakeStream(rows, { pageSize: 2 });
    const rig = await openRig([stream]);
    let pages = 0;
    rig.sink.before = () => {
      pages += 1;
      if (pages === 3) throw new TransientError('HTTP 503');
    };
    await rig.run();
    rig.sink.before = () => undefined;
    stream.fingerprint = 'mapping-2';
    expect(await rig.run()).toMatchObject([{ outcome: 'ok', read: 6 }]);
  });

  it('reads everything when its watermark is ahead of the clock of the ERP, as after a clock that was wrong for one poll', async () => {
    const rows = jobs(5);
    const rig = await openRig([fakeStream(rows)]);
    await rig.run(scheduled);
    const right = rig.sourceNow.at;
    rig.sourceNow.at = new Date(right.getTime() + 30 * 86_400_000);
    await rig.run(scheduled);
    rig.sourceNow.at = new Date(right.getTime() + 300_000);
    put(rows, job('new', 0));
    const [mended] = await rig.run(scheduled);
    expect(mended).toMatchObject({ outcome: 'ok', read: 6, created: 1 });
    rig.sourceNow.at = new Date(right.getTime() + 600_000);
    const [next] = await rig.run(scheduled);
    expect(next?.watermark.after?.slice(0, 10)).toBe(right.toISOString().slice(0, 10));
    expect(next?.read).toBeLessThan(6);
  });

  it('delivers rows without a stamp and rows of the far future, and believes neither', async () => {
    const rows = [job('1'), { ...job('2'), stamp: null }, { ...job('3'), stamp: '2999-12-31T23:59:59.000Z' }];
    const rig = await openRig([fakeStream(rows)]);
    const named = collect(rig.events, 'stamp:in-future');
    await rig.run();
    expect([...rig.sink.held.keys()].sort()).toEqual(['job/1', 'job/2', 'job/3']);
    expect((await rig.store.begin('plant/orders')).watermark?.value).toBe(start.toISOString());
    // A whole read does not look at stamps; every window after it shows the row again.
    await rig.run();
    expect(named).toEqual([{ stream: 'plant/orders', stamp: '2999-12-31T23:59:59.000Z' }]);
    put(rows, { ...job('4', -1), stamp: '2999-12-31T23:59:58.000Z' });
    await rig.run();
    expect(rig.sink.held.has('job/4')).toBe(true);
  });
});

describe('what waits', () => {
  it('is released once its parent is there, oldest first, without a row of its own', async () => {
    const rows = [part('p1', 'j1'), part('p2', 'j1')];
    const parents: FakeRow[] = [];
    const rig = await openRig([fakeStream(parents, { name: 'jobs' }), fakeStream(rows, { entity: 'part' })]);
    expect((await rig.run()).map(({ parked }) => parked)).toEqual([0, 2]);
    expect(rig.sink.batches).toEqual([]);
    rig.sourceNow.at = at(600);
    put(parents, job('j1', 500));
    expect(await rig.run()).toMatchObject([{ created: 1 }, { created: 2, parked: 0 }]);
    expect(rig.sink.batches).toEqual([['job/j1'], ['part/p1', 'part/p2']]);
  });

  it('in an older version than the ERP withdrew meanwhile is never released', async () => {
    const rows = [part('p1', 'j1')];
    const parents: FakeRow[] = [];
    const rig = await openRig([fakeStream(parents, { name: 'jobs' }), fakeStream(rows, { entity: 'part' })]);
    await rig.run();
    put(rows, { ...part('p1', 'j1', { lifecycle: 'cancelled', onlyIfKnown: true }), stamp: at(-1).toISOString() });
    await rig.run();
    put(parents, job('j1', -1));
    await rig.run();
    expect([...rig.sink.held.keys()]).toEqual(['job/j1']);
    expect((await rig.store.status()).map(({ parked }) => parked)).toEqual([0, 0]);
  });

  it('as a dead letter in an older version than the ERP withdrew is settled, not retried', async () => {
    const rows = [job('1')];
    const rig = await openRig([fakeStream(rows)]);
    rig.sink.verdict = () => ({ kind: 'refused', reason: 'no' });
    await rig.run();
    put(rows, job('1', -1, { lifecycle: 'cancelled', onlyIfKnown: true }));
    await rig.run();
    rig.sink.verdict = () => undefined;
    await rig.store.retryDeadLetters({});
    await rig.run();
    expect(rig.sink.held.size).toBe(0);
    expect(await rig.store.deadLetters({})).toEqual([]);
  });

  it('as a dead letter of a stream without stamps is retried by the next pass, due or not', async () => {
    const rows = [{ ...job('1'), stamp: null }];
    const rig = await openRig([fakeStream(rows, { stampKind: 'none', fullReadEverySeconds: 3600 })]);
    rig.sink.verdict = () => ({ kind: 'refused', reason: 'no' });
    await rig.run(scheduled);
    rig.sink.verdict = () => undefined;
    await rig.store.retryDeadLetters({});
    await rig.run(scheduled);
    expect([...rig.sink.held.keys()]).toEqual(['job/1']);
  });

  it('of more than one batch is worked off in one pass', async () => {
    const rows = Array.from({ length: 1100 }, (_, index) => part(`p${index}`, 'j1'));
    const parents: FakeRow[] = [];
    const streams = [fakeStream(parents, { name: 'jobs' }), fakeStream(rows, { entity: 'part', pageSize: 1000 })];
    const rig = await openRig(streams);
    await rig.run();
    put(parents, job('j1', -1));
    rig.sourceNow.at = at(60);
    expect((await rig.run())[1]).toMatchObject({ created: 1100 });
    expect(rig.sink.held.size).toBe(1101);
  });
});

describe('a stream without stamps', () => {
  it('is read when its full read is due or a person asks, and costs nothing between', async () => {
    const rows = [{ ...job('1'), stamp: null }];
    const rig = await openRig([fakeStream(rows, { stampKind: 'none', fullReadEverySeconds: 3600 })]);
    expect(await rig.run(scheduled)).toMatchObject([{ read: 1, watermark: { after: start.toISOString() } }]);
    rig.sourceNow.at = at(59);
    expect(await rig.run(scheduled)).toMatchObject([{ read: 0, outcome: 'ok' }]);
    expect(await rig.run({ manual: true })).toMatchObject([{ read: 1, watermark: { after: at(59).toISOString() } }]);
    rig.sourceNow.at = at(118);
    expect(await rig.run(scheduled)).toMatchObject([{ read: 0 }]);
    rig.sourceNow.at = at(119);
    expect(await rig.run(scheduled)).toMatchObject([{ read: 1 }]);
  });
});

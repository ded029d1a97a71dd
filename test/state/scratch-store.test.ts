import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { toSendAgain, unknownContent } from '../../src/core/types.ts';
import { restoreState } from '../../src/state/backup.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { openScratchStore } from '../../src/state/scratch-store.ts';
import type { Store } from '../../src/state/store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import {
  change,
  delivered,
  page,
  parked,
  passEnd,
  record,
  refused,
  scratchDirectory,
  source,
  stream,
} from '../support/state-builders.ts';

const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
const part = (id: string, job: string) => record(id, { entity: 'part', parents: { job } });
const children = 'plant/parts';

let directory: string;
let store: Store;
let epoch: number;

beforeEach(async () => {
  directory = scratchDirectory();
  store = await openEmbeddedStore({ directory, clock });
  ({ epoch } = await store.begin(stream));
  const jobs = ['1', '2', '3'].map((id) => delivered(record(id), `uuid-${id}`));
  await store.commit(page(epoch, { outcomes: [...jobs, refused(record('4'))] }));
  await store.commit(page(epoch, { outcomes: [delivered(part('p', '1'))], keepRecords: true }));
  await store.commit(page(epoch, { outcomes: [parked(part('q', '5'), { entity: 'job', externalId: '5' })] }));
  await store.commit(page(epoch, { outcomes: [delivered(record('5'))] }));
  await store.finish(passEnd(epoch, '2026-03-02T00:00:00.000Z'));
});

async function scratch() {
  const opened = await openScratchStore({ directory, clock });
  onTestFinished(() => opened.close());
  return { opened, ...(await opened.begin(stream)) };
}

describe('a scratch state', () => {
  it('knows what the state knows: watermark, records, letters, what is ready to go on', async () => {
    const { opened, watermark } = await scratch();
    expect(watermark).toEqual((await store.begin(stream)).watermark);
    expect(await opened.lookup(source, 'job', ['1', '4', '9'])).toEqual(
      await store.lookup(source, 'job', ['1', '4', '9']),
    );
    expect(await opened.deadLetters({})).toEqual(await store.deadLetters({}));
    expect((await opened.leftOver(stream, 10)).records).toEqual([part('q', '5')]);
    expect(await opened.countRecords(source, 'job')).toBe(await store.countRecords(source, 'job'));
    const query = { source, entity: 'part', parent: 'job', parentIds: ['1'] } as const;
    expect(await opened.childrenOf(query)).toEqual([part('p', '1')]);
    expect(await opened.status()).toEqual(await store.status());
  });

  it('knows what was being sent when a program died, as the next start will', async () => {
    const changes = ['1', '7'].map((id) => change(record(id, { fields: { job_number: id, customer: 'x' } })));
    await store.noteSending({ stream, source, changes, keepRecords: false, before: null });
    await store.close();
    const { opened } = await scratch();
    const planned = await opened.lookup(source, 'job', ['1', '7']);
    expect(planned.get('1')).toMatchObject({ hash: unknownContent, mesId: 'uuid-1' });
    store = await openEmbeddedStore({ directory, clock });
    expect(planned).toEqual(await store.lookup(source, 'job', ['1', '7']));
  });

  it('knows nothing for sure after the restore of a backup, as the next start will', async () => {
    const backup = scratchDirectory();
    await store.backup(backup);
    await store.close();
    await restoreState({ from: backup, directory, clock });
    const { opened } = await scratch();
    const planned = await opened.lookup(source, 'job', ['1', '4']);
    expect(planned.get('1')).toMatchObject({ hash: toSendAgain, mesId: 'uuid-1' });
    store = await openEmbeddedStore({ directory, clock });
    expect(planned).toEqual(await store.lookup(source, 'job', ['1', '4']));
  });

  it('marks every open parent of the state', async () => {
    const { opened } = await scratch();
    expect(await opened.markOpen({ stream: children, source, entity: 'job' })).toBe(5);
    expect(await opened.dueChildren(children, 10)).toEqual(['1', '2', '3', '4', '5']);
  });

  it('takes changes, sees them, and leaves nothing of them in the state', async () => {
    const files = () =>
      readdirSync(directory)
        .filter((name) => !name.endsWith('-shm'))
        .map((name) => [name, readFileSync(join(directory, name)).toString('base64')]);
    const before = files();
    const { opened, epoch: own } = await scratch();
    const cancelled = record('1', { lifecycle: 'cancelled' });
    await opened.commit(page(own, { outcomes: [delivered(cancelled), delivered(part('q', '5'))] }));
    await opened.finish(passEnd(own, '2026-03-02T06:00:00.000Z'));
    expect((await opened.lookup(source, 'job', ['1'])).get('1')?.lifecycle).toBe('cancelled');
    expect(await opened.countRecords(source, 'job')).toBe(4);
    expect((await opened.leftOver(stream, 10)).records).toEqual([]);
    expect((await opened.begin(stream)).watermark?.value).toBe('2026-03-02T06:00:00.000Z');
    expect(files()).toEqual(before);
    expect((await store.lookup(source, 'job', ['1'])).get('1')?.lifecycle).toBe('active');
    expect((await store.leftOver(stream, 10)).records).toEqual([part('q', '5')]);
  });

  it('stays as it was, whatever the daemon writes meanwhile', async () => {
    const { opened } = await scratch();
    await store.commit(page(epoch, { outcomes: [delivered(record('2', { lifecycle: 'closed' }))] }));
    expect((await opened.lookup(source, 'job', ['2'])).get('2')?.lifecycle).toBe('active');
  });

  it('tells what is still known of the records before a change', async () => {
    const { opened } = await scratch();
    await opened.lookup(source, 'part', ['p']);
    await opened.lookup(source, 'job', ['1']);
    expect(opened.previous(source, 'part', ['p']).get('p')?.record).toEqual(part('p', '1'));
    expect(opened.previous(source, 'job', ['1', '9'])).toEqual(
      new Map([['1', { lifecycle: 'active', marks: expect.stringMatching(/^.{3}$/), record: null }]]),
    );
  });

  it('of a directory without a state is as before a first start, and makes none', async () => {
    const empty = join(directory, 'none');
    const opened = await openScratchStore({ directory: empty, clock });
    onTestFinished(() => opened.close());
    const { watermark, epoch: own } = await opened.begin(stream);
    expect(watermark).toBeNull();
    await opened.commit(page(own, { outcomes: [delivered(record('1'))] }));
    expect((await opened.lookup(source, 'job', ['1'])).size).toBe(1);
    expect(readdirSync(directory)).not.toContain('none');
  });
});

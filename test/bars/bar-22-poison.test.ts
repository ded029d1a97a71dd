import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { type FakeRow, fakeStream, openRig, put, type Rig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

/** Bar 22; dead letters over days, their pauses and the verbs: contracts/stores-set-aside, scheduler/left-over, cli/dead-letters. */
const at = (minutes: number) => new Date(start.getTime() + minutes * 60_000).toISOString();

function job(id: string, minutes: number, text: string): FakeRow {
  const fields = { job_number: id, customer: text };
  const record = { entity: 'job', source, externalId: id, parents: {}, fields, lifecycle: 'active' } as const;
  return { key: id, stamp: at(minutes), records: [record] };
}

function part(id: string, parent: string): FakeRow {
  const base = { entity: 'part', source, externalId: id, lifecycle: 'active' } as const;
  return { key: id, stamp: at(-60), records: [{ ...base, parents: { job: parent }, fields: { part_number: id } }] };
}

interface Poisoned {
  rig: Rig;
  jobs: FakeRow[];
  poison: string[];
  poll(minute: number): ReturnType<Rig['run']>;
  /** How often these were sent. */
  sent(ids: readonly string[]): number;
}

/** A hundred jobs with two parts each; the MES refuses some of the jobs, among all the others. */
async function openPoisoned(count: number): Promise<Poisoned> {
  const ids = Array.from({ length: 100 }, (_, index) => `j${index}`);
  const poison = ids.filter((_, index) => index % (100 / count) === 0);
  const jobs = ids.map((id) => job(id, -5, 'first'));
  const parts = ids.flatMap((id) => [part(`${id}-a`, id), part(`${id}-b`, id)]);
  const rig = await openRig([fakeStream(jobs, { name: 'jobs' }), fakeStream(parts, { name: 'parts', entity: 'part' })]);
  rig.sink.verdict = ({ record: { externalId } }) =>
    poison.includes(externalId) ? { kind: 'refused', reason: 'priority is out of range' } : undefined;
  const poll = (minute: number) => {
    rig.sourceNow.at = new Date(at(minute));
    return rig.run({ manual: false });
  };
  const sent = (keys: readonly string[]) => rig.sink.batches.flat().filter((key) => keys.includes(key)).length;
  return { rig, jobs, poison, poll, sent };
}

const names = (ids: readonly string[]) => ids.map((id) => `job/${id}`);
const childrenOf = (ids: readonly string[]) => ids.flatMap((id) => [`part/${id}-a`, `part/${id}-b`]);

describe.each([1, 5, 50])('%i poisonous rows of a hundred', (count) => {
  it('are tried five times at most and named in the run that meets them; all else goes on in it', async () => {
    const { rig, poison, poll, sent } = await openPoisoned(count);
    const named = collect(rig.events, 'record:refused');
    const results = await poll(0);
    expect(results.map(({ outcome }) => outcome)).toEqual(['refused', 'ok']);
    expect(named.map(({ key }) => key).sort()).toEqual(names(poison).sort());
    expect(sent(names(poison))).toBeLessThanOrEqual(5 * count);
    expect(rig.sink.held.size).toBe(3 * (100 - count));
    expect((await rig.store.deadLetters({})).map(({ key }) => key).sort()).toEqual(names(poison).sort());
  });

  it('hold their children back without a request or an error, and release them in the run in which they pass', async () => {
    const { rig, poison, poll, sent } = await openPoisoned(count);
    const [, parts] = await poll(0);
    expect(parts).toMatchObject({ outcome: 'ok', refused: 0, parked: 2 * count });
    await poll(1);
    expect(sent(childrenOf(poison))).toBe(0);
    rig.sink.verdict = () => undefined;
    expect(await rig.store.retryDeadLetters({})).toBe(count);
    expect((await poll(2)).map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
    expect(rig.sink.held.size).toBe(300);
    expect(await rig.store.deadLetters({})).toEqual([]);
    expect((await rig.store.status()).map(({ parked }) => parked)).toEqual([0, 0]);
  });

  it('are not sent again by the overlap, and a newer version takes the place of the refused one', async () => {
    const { rig, jobs, poison, poll, sent } = await openPoisoned(count);
    await poll(0);
    const before = sent(names(poison));
    await poll(1);
    expect(sent(names(poison))).toBe(before);
    put(jobs, ...poison.map((id) => job(id, 2, 'second')));
    await poll(3);
    const letters = await rig.store.deadLetters({});
    expect(letters).toHaveLength(count);
    for (const { payload } of letters) expect(payload).toContain('second');
    rig.sink.verdict = () => undefined;
    await rig.store.retryDeadLetters({});
    await poll(4);
    for (const id of poison) expect(rig.sink.held.get(`job/${id}`)?.record.fields['customer']).toBe('second');
  });
});

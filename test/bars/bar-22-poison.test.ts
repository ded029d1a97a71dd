import '../simulation/disk.ts';
import { describe, expect, it } from 'vitest';
import { createEryxonSink } from '../../src/push/eryxon/index.ts';
import type { Transport } from '../../src/push/sink.ts';
import { answered, classicMes } from '../support/eryxon-mes.ts';
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

/** What a customer of this name does to the documented MES, by its external id. */
const kinds: Readonly<Record<string, string>> = {
  nul: 'a\u0000b',
  half: 'a\ud800b',
  whole: 'refused with its whole batch',
  'whole-too': 'refused with its whole batch',
  alone: 'refused by itself',
};

/** The documented MES, which refuses batches by what customers are called in them. */
function pickyMes(held: Set<string>): Transport & { bodies: string[] } {
  const bodies: string[] = [];
  return {
    bodies,
    async request({ body = '' }) {
      bodies.push(body);
      const [records = []] = Object.values(JSON.parse(body)) as { external_id: string; customer?: string }[][];
      if (body.includes('refused with')) {
        return answered(400, { success: false, error: { code: 'VALIDATION_ERROR', message: 'no such customer' } });
      }
      const results = records.map(({ external_id: id, customer }) => {
        if (customer === 'refused by itself') return { external_id: id, action: 'error', error: 'bad customer' };
        held.add(id);
        return { external_id: id, id: `u-${id}`, action: 'created' };
      });
      return answered(200, { success: true, data: { results } });
    },
  };
}

describe('poison of every kind in one page', () => {
  it('is named record by record in the run that meets it, all else goes on in it, and the next run is not held up', async () => {
    const ids = Array.from({ length: 95 }, (_, index) => `j${index}`);
    const good = ids.map((id) => job(id, -5, 'Acme'));
    // Spread over the page.
    const poison = Object.entries(kinds).map(([id, text]) => job(id, -5, text));
    const jobs = good.flatMap((row, index) => [
      row,
      ...(index % 20 === 7 ? poison.slice(index / 20, index / 20 + 1) : []),
    ]);
    put(jobs, { ...job('unreadable', -5, ''), bad: true });
    const parts = [...ids, ...Object.keys(kinds)].map((id) => part(`${id}-a`, id));
    const rig = await openRig([
      fakeStream(jobs, { name: 'jobs', pageSize: 200 }),
      fakeStream(parts, { name: 'parts', entity: 'part', pageSize: 200 }),
    ]);
    const held = new Set<string>();
    const mes = pickyMes(held);
    const eryxon = createEryxonSink('https://mes.example/functions/v1', classicMes());
    rig.sink.deliver = (batch) => eryxon.deliver(batch, mes);
    const [first, second] = await rig.run();
    expect(first).toMatchObject({ outcome: 'refused', created: 95, refused: 6 });
    expect(second).toMatchObject({ outcome: 'ok', created: 95, parked: 5, refused: 0 });
    expect([...held].sort()).toEqual(ids.flatMap((id) => [id, `${id}-a`]).sort());
    const letters = await rig.store.deadLetters({});
    expect(letters.map(({ key }) => key).sort()).toEqual(
      [...Object.keys(kinds).map((id) => `job/${id}`), 'row unreadable'].sort(),
    );
    expect(mes.bodies.length).toBeLessThan(40);
    expect(mes.bodies.join('')).not.toMatch(/\\u0000|\\ud800/);
    const before = mes.bodies.length;
    put(jobs, job('later', 0, 'Acme'));
    rig.sourceNow.at = new Date(at(1));
    expect(await rig.run({ manual: false })).toMatchObject([{ created: 1 }, { outcome: 'ok' }]);
    expect(mes.bodies.length).toBe(before + 1);
  });
});

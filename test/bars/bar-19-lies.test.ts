import { hash } from 'node:crypto';
import { describe, expect, it, vi } from 'vitest';
import { createRandom } from '../../sandbox/random.ts';
import { systemClock } from '../../src/core/clock.ts';
import type { Change } from '../../src/core/types.ts';
import { forgetfulNotes } from '../../src/push/eryxon/notes.ts';
import { createSession } from '../../src/push/eryxon/session.ts';
import { startMes } from '../support/eryxon-mes.ts';
import { change, ledger, record } from '../support/push-builders.ts';

// For machines with other work.
vi.setConfig({ testTimeout: 120_000 });

/** Bar 19; deletes are proved one by one: push/eryxon/remove. */
const signal = new AbortController().signal;
const { lookup } = ledger();
const rows = 1000;
/** Records a request of the way whose answer proves nothing. */
const group = 100;

/** A thousand cells as one run sends them. */
function cells(run: string, ids?: ReadonlyMap<string, string>): Change[] {
  return Array.from({ length: rows }, (_, index) => {
    const id = String(index);
    const fields = { name: `Cell ${id} of ${run}`, active: true };
    const mesId = ids?.get(id);
    const made = change(record('cell', id, { fields }), mesId === undefined ? undefined : { mesId });
    // As the ledger makes it: the sample is drawn by it.
    return { ...made, hash: hash('sha256', made.hash, 'base64url') };
  });
}

describe('a sample of 5 % of the updates', () => {
  it('finds a lie of 1 % over 1000 rows with p > 0.39 a run, and > 0.99 in ten', () => {
    const random = createRandom(19);
    const runs = 1000;
    const found: boolean[] = [];
    let sampled = 0;
    for (let run = 0; run < runs; run += 1) {
      const session = createSession({ notes: forgetfulNotes(), clock: systemClock, sampleUpdates: 0.05 });
      const sent = Array.from({ length: rows }, (_, index) => ({
        hash: hash('sha256', `${run} ${index}`, 'base64url'),
      }));
      const seen = new Set<object>();
      for (let at = 0; at < rows; at += group) {
        const part = sent.slice(at, at + group);
        for (const each of session.sample(part, (one) => one as Change)) seen.add(each);
      }
      sampled += seen.size;
      const lies = Array.from({ length: rows / 100 }, () => random.pick(sent));
      found.push(lies.some((lie) => seen.has(lie)));
    }
    expect(sampled / runs / rows).toBeGreaterThan(0.05);
    expect(sampled / runs / rows).toBeLessThan(0.07);
    expect(found.filter(Boolean).length / runs).toBeGreaterThan(0.39);
    const tens = Array.from({ length: runs / 10 }, (_, ten) => found.slice(ten * 10, ten * 10 + 10).some(Boolean));
    expect(tens.filter(Boolean).length / tens.length).toBeGreaterThan(0.99);
  });
});

describe('a MES that answers 200 and does not write', () => {
  it.each(['v060', 'main', 'repaired'] as const)(
    'all of a first load is found out at once (%s)',
    async (generation) => {
      const { mes, pusher } = await startMes({ generation });
      const jobs = Array.from({ length: 200 }, (_, index) => change(record('job', String(index))));
      mes.lie(1);
      const { outcomes } = await pusher.push([...jobs, ...cells('the first load').slice(0, 200)], { lookup }, signal);
      expect(outcomes.filter(({ kind }) => kind === 'delivered').length).toBe(mes.counts().jobs + mes.counts().cells);
      mes.lie(0);
      await pusher.push([...jobs, ...cells('the first load').slice(0, 200)], { lookup }, signal);
      expect(mes.counts()).toMatchObject({ jobs: 200, cells: 200 });
    },
  );

  it('one in a hundred updates is found out within ten runs, and from then on each is proved', async () => {
    const { mes, pusher } = await startMes({ generation: 'repaired' });
    const { outcomes } = await pusher.push(cells('the first load'), { lookup }, signal);
    const ids = new Map<string, string>();
    for (const { kind, change: sent, ...rest } of outcomes)
      if (kind === 'delivered' && 'mesId' in rest) ids.set(sent.record.externalId, String(rest.mesId));
    expect(ids.size).toBe(rows);
    const wrong = (run: string) =>
      [...mes.image().cells].filter(([id, { fields }]) => fields['name'] !== `Cell ${id} of ${run}`).length;
    mes.lie(0.01);
    let runs = 0;
    let requests = 0;
    do {
      runs += 1;
      ({ requests } = await pusher.push(cells(`run ${runs}`, ids), { lookup }, signal));
    } while (requests < 200 && runs < 10);
    expect(requests).toBeGreaterThan(200);
    await pusher.push(cells('the last run', ids), { lookup }, signal);
    expect(wrong('the last run')).toBe(0);
  });
});

import { afterEach, describe, expect, it } from 'vitest';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { expectedForm, notReplayed, type Recorded, Replay, recordedRun } from './eryxon-replay.ts';

const running: EryxonSimulator[] = [];

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.stop();
});

async function start(options: Partial<EryxonOptions> = {}): Promise<EryxonSimulator> {
  const simulator = await startEryxon({ seed: 7, ...options });
  running.push(simulator);
  return simulator;
}

function storedRows(mes: EryxonSimulator, { table }: NonNullable<Recorded['stored']>): string[] {
  return [...mes.image()[table].values()].map(({ externalId, fields }) =>
    table === 'jobs' ? `${externalId}|${fields['job_number']}` : externalId,
  );
}

async function replay(mes: EryxonSimulator, run: readonly Recorded[], prefix: string): Promise<void> {
  const replaying = new Replay(mes);
  for (const recorded of run) {
    if (recorded.title in notReplayed) continue;
    const { section, title, request, status, headers = {}, stored } = recorded;
    const reply = await replaying.send(recorded);
    const where = { section, title, request };
    expect({ ...where, status: reply.status, answer: reply.answer }).toEqual({
      ...where,
      status,
      answer: expectedForm(recorded.answer),
    });
    for (const [name, value] of Object.entries(headers)) expect(reply.headers.get(name)).toBe(value);
    if (stored === undefined) continue;
    const rows = storedRows(mes, stored).filter((row) => row.startsWith(`${prefix}-`));
    expect({ ...where, rows: rows.sort() }).toEqual({ ...where, rows: [...stored.rows].sort() });
  }
}

describe('the recorded runs', () => {
  it('are answered by main as the real functions answered them', async () => {
    await replay(await start({ generation: 'main' }), recordedRun('main'), 'head');
  });

  it('are answered by v060 as the real functions answered them', async () => {
    const mes = await start({ generation: 'v060' });
    // It was recorded on the database that the run of main had left, with parts that had not worked there.
    const before = new Replay(mes);
    for (const recorded of recordedRun('main')) {
      if (recorded.section !== 'Parts' && !(recorded.title in notReplayed)) await before.send(recorded);
    }
    await replay(mes, recordedRun('v060'), 'v060');
  });

  it('are answered by repaired as the mended functions answered them', async () => {
    await replay(await start({ generation: 'repaired' }), recordedRun('repaired'), 'fixed');
  });
});

import { describe, expect, it } from 'vitest';
import type { App } from '../../src/app/app.ts';
import { createHttpClient } from '../../src/core/http.ts';
import { createTokenBucket } from '../../src/core/token-bucket.ts';
import { createAnswerRules } from '../../src/push/eryxon/answers.ts';
import { createEryxonSink } from '../../src/push/eryxon/index.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { createTransport } from '../../src/push/transport.ts';
import { type Cycle, createCycle } from '../../src/scheduler/cycle.ts';
import {
  type CrashPlan,
  createCrashPlan,
  faultingPusher,
  faultingSession,
  faultingStore,
  type Side,
} from '../support/faulting.ts';
import { expectEqual, openPlant, type Plant, type Settings, totalWrites } from '../support/plant.ts';

const pageSize = 6;
const settings: Settings = { streams: { all: { pageSize } }, mes: { batchSize: pageSize } };
/** A production order is a part and its stock job: the most records that one row becomes. */
const recordsPerRow = 2;

/** The app's own parts with a crash plan between them. */
function faultingCycle(plant: Plant, plan: CrashPlan): { cycle: Cycle; close(): void } {
  const app: App = plant.app();
  const { config, clock, events, quota } = app;
  const session = app.connectors.get('plant')?.session;
  if (session === undefined) throw new Error('The plant has no connector.');
  const http = createHttpClient({
    origin: new URL(config.mes.url).origin,
    system: 'mes',
    name: 'mes',
    deadlineMs: 5000,
    maxBytes: 1_048_576,
    headers: { Authorization: `Bearer ${config.mes.apiKey}` },
    clock,
    events,
  });
  const bucket = createTokenBucket(config.mes.rate, clock);
  const transport = {
    http: {
      ...http,
      request: (...args: Parameters<typeof http.request>) => plan.step('mes', () => http.request(...args)),
    },
    bucket,
    quota,
    answers: createAnswerRules(clock),
    clock,
    events,
    random: () => 0.5,
    attempts: 5,
  };
  const pusher = createPusher({
    sink: createEryxonSink(config.mes.url),
    openTransport: (signal) => createTransport(transport, signal),
    batchSize: pageSize,
    maxConcurrency: 1,
  });
  const cycle = createCycle({
    session: faultingSession(session, plan),
    store: faultingStore(app.store, plan),
    pusher: faultingPusher(pusher, plan),
    events,
    clock,
  });
  return { cycle, close: http.close };
}

const request = { streams: undefined, full: false, manual: true, release: false };

/** A cycle that may crash; afterwards the state is opened anew, as after a power cut, and the work is done without faults. */
async function cycleAndRecover(plant: Plant, plan: CrashPlan): Promise<void> {
  const { cycle, close } = faultingCycle(plant, plan);
  await cycle.run(request, new AbortController().signal);
  close();
  if (plan.crashed()) {
    await plant.crash();
    await plant.pass();
  }
  plant.sandbox.sap.checkpoint();
}

interface Ran {
  steps: string[];
  writes: number;
}

/** A first load and a delta with everything in it, with a crash at one step. */
async function live(seed: number, at: number, side: Side): Promise<Ran> {
  const plant = await openPlant({ seed, records: 30 }, settings);
  const plan = createCrashPlan(at, side);
  await cycleAndRecover(plant, plan);
  plant.sandbox.sap.checkpoint();
  plant.sandbox.sap.play(20);
  plant.settle();
  await cycleAndRecover(plant, plan);
  const writes = totalWrites(plant.sandbox);
  // An interrupted window is finished before a new one is cut.
  await plant.pass();
  expectEqual(plant);
  await plant.stop();
  return { steps: plan.steps, writes };
}

/** Steps that change something beyond the program. A crash behind any other is a crash before the next. */
const effects = new Set(['mes', 'push', 'store.commit', 'store.finish', 'store.markOpen']);

async function crashAt(seed: number, at: number, calm: Ran): Promise<void> {
  const step = calm.steps[at - 1] ?? '';
  for (const side of effects.has(step) ? (['before', 'after'] as const) : (['before'] as const)) {
    const crashed = await live(seed, at, side).catch((error: unknown) => {
      throw new Error(`A crash ${side} step ${at}, ${step}`, { cause: error });
    });
    const resent = crashed.writes - calm.writes;
    if (resent > pageSize * recordsPerRow) throw new Error(`A crash ${side} step ${at}, ${step}: ${resent} re-sent`);
  }
}

/** Runs side by side: most of the time goes into waiting for disk and sockets. */
const lanes = 8;

describe('a crash at an awaited step of a first load and a delta', () => {
  it.each([201])(
    'loses nothing and re-sends at most what was in flight (seed %i)',
    async (seed) => {
      const calm = await live(seed, 0, 'before');
      expect([...new Set(calm.steps)].filter((step) => !step.includes(' ')).sort()).toEqual([
        'clock',
        'mes',
        'push',
        'store.begin',
        'store.childrenOf',
        'store.commit',
        'store.dueChildren',
        'store.finish',
        'store.leftOver',
        'store.lookup',
        'store.recordRun',
      ]);
      let next = 0;
      const lane = async () => {
        while (next < calm.steps.length) await crashAt(seed, ++next, calm);
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      expect(next).toBeGreaterThan(150);
    },
    600_000,
  );
});

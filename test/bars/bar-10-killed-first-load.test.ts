import '../simulation/disk.ts';
import { expect, it } from 'vitest';
import { createRandom } from '../../sandbox/random.ts';
import type { ConnectorSession, Page, Stream } from '../../src/connectors/connector.ts';
import { createEventBus } from '../../src/core/events.ts';
import type { Window } from '../../src/core/types.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { createCycle } from '../../src/scheduler/cycle.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import {
  type CrashPlan,
  createCrashPlan,
  faultingPusher,
  faultingSession,
  faultingStore,
} from '../support/faulting.ts';
import { createMemorySink, type FakeRow, fakeStream, source, start } from '../support/pass-rig.ts';
import { scratchDirectory } from '../support/state-builders.ts';

/** Bar 10. `ROWS=1000000 npx vitest run test/bars/bar-10` loads a million. */
const rows = Number(process.env['ROWS'] ?? 40_000);
const pageSize = Math.min(1000, rows / 80);
const kills = 20;
const overlapSeconds = 600;

/** An ERP of many rows, made when they are read; those in `changed` are there in a later version. */
function createErp() {
  const changed = new Map<number, string>();
  const windows: Window[] = [];
  let read = 0;
  const row = (index: number): FakeRow => {
    const key = String(index).padStart(7, '0');
    const stamp = changed.get(index);
    const fields = { job_number: key, customer: stamp ?? 'as loaded' };
    const record = { entity: 'job', source, externalId: key, parents: {}, fields, lifecycle: 'active' } as const;
    return { key, stamp: stamp ?? start.toISOString(), records: [record] };
  };
  const inWindow = ({ from = '', to = '' }: Window) =>
    [...changed].filter(([, stamp]) => stamp >= from && stamp < to).map(([index]) => row(index));
  const stream: Stream = fakeStream([], {
    overlapSeconds,
    count: async () => rows,
    newest: async () => start.toISOString(),
    async *read(window, cursor): AsyncGenerator<Page> {
      windows.push(window);
      if (window.mode === 'delta') {
        yield { rows: inWindow(window), cursor: null };
        return;
      }
      for (let from = typeof cursor === 'number' ? cursor : 0; from < rows; from += pageSize) {
        const page = Array.from({ length: Math.min(pageSize, rows - from) }, (_, index) => row(from + index));
        read += page.length;
        yield { rows: page, cursor: from + pageSize };
      }
    },
  });
  return { stream, windows, changed, read: () => read };
}

it(`bar 10: a first load that is killed ${kills} times goes on where it was, and misses nothing that changed meanwhile`, async () => {
  const random = createRandom(10);
  const erp = createErp();
  const clock = createFakeClock(start);
  const directory = scratchDirectory();
  const sink = createMemorySink();
  let sent = 0;
  sink.verdict = () => {
    sent += 1;
    return undefined;
  };
  let sourceNow = start;
  const session: ConnectorSession = {
    name: 'plant',
    source,
    streams: [erp.stream],
    prepare: async () => undefined,
    clock: async () => sourceNow,
    check: async () => [],
    close: () => undefined,
  };
  const openTransport = () => ({ requests: () => 0, request: () => Promise.reject(new Error()) });
  const plain = createPusher({ sink, openTransport, batchSize: 100, maxConcurrency: 1 });
  const runUntil = async (plan: CrashPlan) => {
    const store = await openEmbeddedStore({ directory, clock });
    const { resume } = await store.begin('plant/orders');
    const resumedAt = typeof resume?.cursor === 'number' ? resume.cursor : 0;
    const cycle = createCycle({
      session: faultingSession(session, plan),
      store: faultingStore(store, plan),
      pusher: faultingPusher(plain, plan),
      events: createEventBus(() => undefined),
      clock,
    });
    const request = { streams: undefined, full: false, manual: false, release: false };
    const results = await cycle.run(request, new AbortController().signal);
    await store.close();
    return { resumedAt, results };
  };
  // Five steps a page: the kills come all over the load.
  const spacing = Math.floor((5 * rows) / pageSize / (kills + 1));
  let held = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const { resumedAt, results } = await runUntil(createCrashPlan(random.int(spacing - 8, spacing), 'before'));
    expect(results.every(({ outcome }) => outcome === 'ok')).toBe(false);
    expect(held - resumedAt).toBeLessThanOrEqual(pageSize);
    held = sink.held.size;
    // People go on working, on what is loaded already and on what is not.
    sourceNow = new Date(sourceNow.getTime() + 3_600_000);
    for (const index of [0, kill, random.int(0, rows - 1)]) erp.changed.set(index, sourceNow.toISOString());
  }
  expect(held).toBeLessThan(rows);
  sourceNow = new Date(sourceNow.getTime() + 3_600_000);
  const { results, resumedAt } = await runUntil(createCrashPlan(0, 'before'));
  expect(held - resumedAt).toBeLessThanOrEqual(pageSize);
  expect(results).toMatchObject([{ outcome: 'ok' }]);
  const again = { sent: sent - rows - erp.changed.size, read: erp.read() - rows };
  expect(again.sent).toBeLessThanOrEqual(kills * pageSize);
  // One page that was under way, and one that was fetched ahead of it.
  expect(again.read).toBeLessThanOrEqual(2 * kills * pageSize);
  const delta = erp.windows.find(({ mode }) => mode === 'delta');
  expect(Date.parse(delta?.from ?? '')).toBeLessThanOrEqual(start.getTime());
  for (const [index, stamp] of erp.changed) {
    const key = `job/${String(index).padStart(7, '0')}`;
    expect(sink.held.get(key)?.record.fields['customer']).toBe(stamp);
  }
  expect(sink.held.size).toBe(rows);
}, 600_000);

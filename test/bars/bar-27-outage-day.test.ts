import { describe, expect, it } from 'vitest';
import type { ConnectorSession, Page, Stream } from '../../src/connectors/connector.ts';
import type { Clock } from '../../src/core/clock.ts';
import { TransientError } from '../../src/core/errors.ts';
import { createEventBus } from '../../src/core/events.ts';
import type { HttpClient } from '../../src/core/http.ts';
import { createTokenBucket } from '../../src/core/token-bucket.ts';
import { createDayQuota } from '../../src/push/day-quota.ts';
import { createOutage } from '../../src/push/outage.ts';
import { createPusher } from '../../src/push/pusher.ts';
import type { Sink } from '../../src/push/sink.ts';
import { createTransport } from '../../src/push/transport.ts';
import { createAdmission } from '../../src/scheduler/admission.ts';
import { createCycle } from '../../src/scheduler/cycle.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { createMemoryQuota } from '../support/memory-quota.ts';
import { fakeStream, source, start } from '../support/pass-rig.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const hourMs = 3_600_000;
const downMs = 8 * hourMs;
/** Bar 27. `ROWS=1000000 npx vitest run test/bars/bar-27` has a million rows wait. */
const rows = Number(process.env['ROWS'] ?? 100_000);
const pageSize = 1000;
const requestsPerSecond = 5;

/** Sleeping takes no time; the clock has gone on all the same. */
function createEagerClock(): Clock & { pass(ms: number): void } {
  let elapsedMs = 0;
  return {
    now: () => new Date(start.getTime() + elapsedMs),
    monotonicMs: () => elapsedMs,
    async sleep(ms) {
      elapsedMs += Math.max(ms, 0);
    },
    after: () => () => undefined,
    pass(ms) {
      elapsedMs += ms;
    },
  };
}

/** A stream of one row after the other, made when it is read; tells of each read and each page. */
function manyRows(name: string, told: { read(): void; page(): void }): Stream {
  const row = (index: number) => {
    const externalId = String(index).padStart(7, '0');
    const record = {
      entity: 'job',
      source,
      externalId,
      parents: {},
      fields: { job_number: externalId },
      lifecycle: 'active',
    };
    return { key: externalId, stamp: start.toISOString(), records: [record] };
  };
  return fakeStream([], {
    name,
    count: async () => rows,
    newest: async () => start.toISOString(),
    async *read(_window, cursor): AsyncGenerator<Page> {
      told.read();
      for (let from = typeof cursor === 'number' ? cursor : 0; from < rows; from += pageSize) {
        told.page();
        yield { rows: Array.from({ length: pageSize }, (_, index) => row(from + index)), cursor: from + pageSize };
      }
    },
  });
}

async function openPlant() {
  const clock = createEagerClock();
  const events = createEventBus((error) => {
    throw error;
  });
  const outage = createOutage(clock, () => 0.5);
  const quota = createDayQuota(undefined, createMemoryQuota(), clock);
  const requests = { atMs: [] as number[], answeredAtMs: [] as number[] };
  const http: HttpClient = {
    async request() {
      requests.atMs.push(clock.monotonicMs());
      if (clock.monotonicMs() < downMs) throw new TransientError('ECONNREFUSED', { unsent: true });
      clock.pass(50);
      requests.answeredAtMs.push(clock.monotonicMs());
      return { status: 200, headers: {}, text: '{}' };
    },
    close: () => undefined,
  };
  const arrived: string[] = [];
  const sink: Sink = {
    async deliver(batch, transport) {
      await transport.request({ method: 'POST', path: '/' });
      arrived.push(...batch.changes.map(({ record }) => record.externalId));
      return batch.changes.map(() => ({ kind: 'delivered', action: 'created', mesId: null }));
    },
    list: async () => undefined,
  };
  const bucket = createTokenBucket({ requestsPerSecond, burst: 10 }, clock);
  const answers = { refuseTransient: () => undefined, isBootError: () => false, isDayUsedUp: () => false };
  const transport = { http, bucket, quota, outage, answers, clock, events, random: () => 0.5 };
  const pusher = createPusher({
    sink,
    openTransport: (signal) => createTransport({ ...transport, attempts: 5 }, signal),
    batchSize: 100,
    maxConcurrency: 1,
  });
  const reads: Record<string, number[]> = { a: [], b: [] };
  const pages: number[] = [];
  const streams = Object.entries(reads).map(([name, times]) =>
    manyRows(name, { read: () => times.push(clock.monotonicMs()), page: () => pages.push(clock.monotonicMs()) }),
  );
  const session: ConnectorSession = {
    name: 'plant',
    source,
    streams,
    prepare: async () => undefined,
    clock: async () => clock.now(),
    check: async () => [],
    close: () => undefined,
  };
  const store = await openEmbeddedStore({ directory: scratchDirectory(), clock });
  const admission = createAdmission({ room: quota.room, requireReachable: outage.require, clock });
  const cycle = createCycle({ session, store, pusher, admission, events, clock });
  const poll = () =>
    cycle.run({ streams: undefined, full: false, manual: false, release: false }, new AbortController().signal);
  return { clock, store, poll, cycle, reads, pages, requests, arrived };
}

describe(`a MES that is down for eight hours with ${rows} changed rows waiting`, () => {
  it('has the ERP read once a minute and stream at most, and little memory used, and is caught up with at the full rate, in order', async () => {
    const { clock, store, poll, cycle, reads, pages, requests, arrived } = await openPlant();
    const heap: number[] = [];
    let waited = 0;
    while (clock.monotonicMs() < downMs) {
      const results = await poll();
      if (results.every(({ outcome }) => outcome === 'waiting')) waited += 1;
      heap.push(process.memoryUsage().heapUsed / 1_048_576);
      clock.pass(10_000);
    }
    for (const times of Object.values(reads)) {
      for (const [index, at] of times.slice(1).entries())
        expect(at - (times[index] ?? 0)).toBeGreaterThanOrEqual(60_000);
    }
    expect(reads['a']?.length).toBeLessThanOrEqual(120);
    // A read that ends at its first page has fetched the next one at most.
    expect(pages.length).toBeLessThanOrEqual(2 * ((reads['a']?.length ?? 0) + (reads['b']?.length ?? 0)));
    expect(requests.atMs.length).toBeLessThanOrEqual(130);
    expect(waited).toBeGreaterThan(2500);
    expect(cycle.waiting().get('a')?.reason).toContain('The MES cannot be delivered to');
    const quarter = Math.floor(heap.length / 4);
    expect(Math.min(...heap.slice(-quarter)) - Math.min(...heap.slice(0, quarter))).toBeLessThan(15);

    for (let done = false; !done; clock.pass(10_000)) done = (await poll()).every(({ outcome }) => outcome === 'ok');
    const [first = 0] = requests.answeredAtMs;
    const last = requests.answeredAtMs.at(-1) ?? 0;
    expect(first - downMs).toBeLessThan(340_000);
    expect(requests.answeredAtMs).toHaveLength(rows / 100);
    expect((requests.answeredAtMs.length - 1) / ((last - first) / 1000)).toBeGreaterThanOrEqual(
      0.8 * requestsPerSecond,
    );
    expect(arrived).toHaveLength(rows);
    expect(arrived.every((id, index) => index === 0 || id > (arrived[index - 1] ?? ''))).toBe(true);
    await store.close();
  }, 600_000);
});

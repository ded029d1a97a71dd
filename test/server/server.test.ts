import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { createEventBus, type EventBus, type StreamResult, zeroCounts } from '../../src/core/events.ts';
import { createMetrics, type MesGauges, type MetricsSource, type StreamGauges } from '../../src/server/metrics.ts';
import type { Readiness } from '../../src/server/readiness.ts';
import { startServer } from '../../src/server/server.ts';

interface World {
  readiness: Readiness;
  gauges: StreamGauges[];
  mes: MesGauges;
}

const quiet: MesGauges = {
  budgetLeft: null,
  reserveLeft: null,
  exhaustedAt: null,
  blockedUntil: null,
  batchSize: 100,
  concurrency: 2,
};

/** A health page on a free port; what it tells is read from `world` at the moment of asking. */
async function start(rest: Partial<MetricsSource> = {}) {
  const world: World = { readiness: { ready: true, reasons: [] }, gauges: [], mes: quiet };
  const events = createEventBus((error) => {
    throw error;
  });
  const metrics = createMetrics(events, {
    streams: async () => world.gauges,
    mes: async () => world.mes,
    ready: async () => world.readiness.ready,
    ...rest,
  });
  const server = await startServer({ host: '127.0.0.1', port: 0, readiness: async () => world.readiness, metrics });
  onTestFinished(() => server.close());
  return { world, events, url: server.url, close: server.close };
}

async function get(url: string): Promise<{ status: number; type: string | null; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
}

async function page(url: string): Promise<string> {
  return (await fetch(`${url}/metrics`)).text();
}

/** Value of one sample; undefined when the page has none of it. */
function sample(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

describe('the health page', () => {
  it('says that the process lives, ready or not', async () => {
    const { url, world } = await start();
    world.readiness = { ready: false, reasons: ['x'] };
    expect(await get(`${url}/livez`)).toMatchObject({ status: 200, body: { alive: true } });
  });

  it('says 200 while the work gets done and 503 with the reasons while it does not', async () => {
    const { url, world } = await start();
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 200, body: { ready: true, reasons: [] } });
    world.readiness = { ready: false, reasons: ['plant/orders: no pass has completed since the start'] };
    expect(await get(`${url}/readyz`)).toMatchObject({ status: 503, body: world.readiness });
    world.readiness = { ready: true, reasons: [] };
    expect((await get(`${url}/readyz`)).status).toBe(200);
  });

  it('knows no other page and takes no other method', async () => {
    const { url } = await start();
    for (const path of ['/', '/status', '/../etc/passwd', '/readyz/x']) {
      expect((await fetch(`${url}${path}`)).status).toBe(404);
    }
    expect((await fetch(`${url}/readyz`, { method: 'POST' })).status).toBe(404);
  });

  it('lives on when readiness itself fails', async () => {
    const metrics = createMetrics(
      createEventBus(() => undefined),
      {
        streams: async () => [],
        mes: async () => quiet,
        ready: async () => true,
      },
    );
    const readiness = () => Promise.reject(new Error('a bug'));
    const server = await startServer({ host: '127.0.0.1', port: 0, readiness, metrics });
    onTestFinished(() => server.close());
    expect((await fetch(`${server.url}/readyz`)).status).toBe(500);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  it('refuses a port that is taken as a mistake of the config, naming the setting', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => void other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const metrics = { render: async () => '', contentType: 'text/plain' };
    const readiness = async () => ({ ready: true, reasons: [] });
    const starting = startServer({ host: '127.0.0.1', port, readiness, metrics });
    await expect(starting).rejects.toBeInstanceOf(ConfigError);
    await expect(starting).rejects.toThrow('health.port');
  });

  it('closes at once, also with a client that keeps its connection', async () => {
    const { url, close } = await start();
    await get(`${url}/livez`);
    const started = performance.now();
    await close();
    expect(performance.now() - started).toBeLessThan(1000);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });
});

const orders: StreamGauges = {
  stream: 'plant/orders',
  lagSeconds: 42,
  lastSuccess: '2026-03-01T08:00:00.000Z',
  deadLetters: 3,
  deadLettersSince: '2026-03-01T06:00:00.000Z',
  parked: 7,
  parkedSince: '2026-03-01T07:00:00.000Z',
};

describe('the metrics page', () => {
  it('shows the figures of the moment of asking, on the first page already', async () => {
    const { url, world } = await start();
    world.gauges = [orders];
    world.mes = {
      budgetLeft: 950,
      reserveLeft: 40,
      exhaustedAt: '2026-03-01T12:00:00.000Z',
      blockedUntil: null,
      batchSize: 500,
      concurrency: 2,
    };
    const text = await page(url);
    const labels = '{stream="plant/orders"}';
    expect(sample(text, `erp_puller_lag_seconds${labels}`)).toBe(42);
    expect(sample(text, `erp_puller_last_success_timestamp_seconds${labels}`)).toBe(1_772_352_000);
    expect(sample(text, `erp_puller_dead_letter_records${labels}`)).toBe(3);
    expect(sample(text, `erp_puller_parked_records${labels}`)).toBe(7);
    expect(sample(text, `erp_puller_parked_oldest_timestamp_seconds${labels}`)).toBe(1_772_348_400);
    expect(sample(text, `erp_puller_dead_letter_oldest_timestamp_seconds${labels}`)).toBe(1_772_344_800);
    expect(sample(text, 'erp_puller_mes_budget_left_requests')).toBe(950);
    expect(sample(text, 'erp_puller_mes_reserve_left_requests')).toBe(40);
    expect(sample(text, 'erp_puller_mes_budget_exhausted_timestamp_seconds')).toBe(1_772_366_400);
    expect(sample(text, 'erp_puller_mes_blocked_until_timestamp_seconds')).toBe(-1);
    expect(sample(text, 'erp_puller_mes_batch_size_records')).toBe(500);
    expect(sample(text, 'erp_puller_mes_concurrency_requests')).toBe(2);
    expect(sample(text, 'erp_puller_ready_state')).toBe(1);
    world.gauges = [{ ...orders, lagSeconds: 0, parked: 0, parkedSince: null }];
    world.readiness = { ready: false, reasons: ['x'] };
    const next = await page(url);
    expect(sample(next, `erp_puller_lag_seconds${labels}`)).toBe(0);
    expect(sample(next, `erp_puller_parked_records${labels}`)).toBe(0);
    expect(next).not.toContain('erp_puller_parked_oldest_timestamp_seconds{');
    expect(sample(next, 'erp_puller_ready_state')).toBe(0);
  });

  it('shows no lag and no success where there is none yet, and -1 without a budget', async () => {
    const { url, world } = await start();
    world.gauges = [{ ...orders, lagSeconds: null, lastSuccess: null }];
    const text = await page(url);
    expect(text).not.toContain('erp_puller_lag_seconds{');
    expect(text).not.toContain('erp_puller_last_success_timestamp_seconds{');
    expect(sample(text, 'erp_puller_mes_budget_left_requests')).toBe(-1);
  });

  it('shows no more of a lag that is not known any longer, as after a reset of the watermark', async () => {
    const { url, world } = await start();
    world.gauges = [orders];
    await page(url);
    world.gauges = [{ ...orders, lagSeconds: null }];
    expect(await page(url)).not.toContain('erp_puller_lag_seconds{');
  });

  it('counts records, passes and requests by stream and outcome', async () => {
    const { url, events } = await start();
    emitWork(events);
    const text = await page(url);
    const records = (outcome: string) =>
      sample(text, `erp_puller_records_total{stream="plant/orders",outcome="${outcome}"}`);
    expect(['read', 'created', 'refused', 'parked'].map(records)).toEqual([20, 10, 2, 3]);
    expect(sample(text, 'erp_puller_passes_total{stream="plant/orders",outcome="ok"}')).toBe(1);
    expect(sample(text, 'erp_puller_pass_duration_seconds_sum{stream="plant/orders"}')).toBe(1.5);
    const requests = (labels: string) => sample(text, `erp_puller_requests_total{${labels}}`);
    expect(requests('system="erp",name="plant",status="200"')).toBe(2);
    expect(requests('system="mes",name="mes",status="0"')).toBe(1);
  });

  it('explains every metric, and every name of ours says its unit or what it counts', async () => {
    const { url, world, events } = await start();
    world.gauges = [orders];
    emitWork(events);
    const text = await page(url);
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({ name, type }));
    const helps = new Map([...text.matchAll(/^# HELP (\S+) (.+)$/gm)].map(([, name = '', help = '']) => [name, help]));
    expect(names.length).toBeGreaterThan(10);
    for (const { name, type } of names) {
      expect(helps.get(name)?.length, name).toBeGreaterThan(10);
      expect(name).toMatch(/^erp_puller_/);
      if (type === 'counter') expect(name).toMatch(/_total$/);
    }
    const own = names.filter(({ name }) => !/^erp_puller_(process|nodejs)_/.test(name));
    for (const { name } of own) expect(name).toMatch(/_(total|seconds|records|requests|state)$/);
    expect(own.map(({ name }) => name).sort()).toEqual([
      'erp_puller_dead_letter_oldest_timestamp_seconds',
      'erp_puller_dead_letter_records',
      'erp_puller_lag_seconds',
      'erp_puller_last_success_timestamp_seconds',
      'erp_puller_late_rows_total',
      'erp_puller_mes_batch_size_records',
      'erp_puller_mes_blocked_until_timestamp_seconds',
      'erp_puller_mes_budget_exhausted_timestamp_seconds',
      'erp_puller_mes_budget_left_requests',
      'erp_puller_mes_concurrency_requests',
      'erp_puller_mes_reserve_left_requests',
      'erp_puller_parked_oldest_timestamp_seconds',
      'erp_puller_parked_records',
      'erp_puller_pass_duration_seconds',
      'erp_puller_passes_total',
      'erp_puller_ready_state',
      'erp_puller_records_total',
      'erp_puller_requests_total',
    ]);
  });

  it('is served in the Prometheus form', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  });

  it('fails as a whole rather than show old figures when the state cannot be read', async () => {
    const { url } = await start({ streams: () => Promise.reject(new Error('database is locked')) });
    expect((await fetch(`${url}/metrics`)).status).toBe(500);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('does not grow with what labels hold: record keys are never among them', async () => {
    const { url, events } = await start();
    const lines = async () => (await page(url)).match(/^erp_puller_(?!process|nodejs).*$/gm)?.length;
    emitWork(events);
    const before = await lines();
    for (let each = 0; each < 100; each += 1) {
      events.emit('record:refused', { stream: 'plant/orders', key: `job/${each}`, reason: `reason ${each}` });
      emitWork(events);
    }
    expect(await lines()).toBe(before);
  });
});

function emitWork(events: EventBus): void {
  const counts = { ...zeroCounts(), read: 10, created: 5, refused: 1, parked: 4 };
  events.emit('page:committed', { stream: 'plant/orders', counts });
  events.emit('page:committed', { stream: 'plant/orders', counts });
  const result: StreamResult = {
    ...counts,
    parked: 3,
    connector: 'plant',
    stream: 'orders',
    outcome: 'ok',
    requests: { erp: 2, mes: 1 },
    watermark: { before: null, after: null },
    durationMs: 1500,
  };
  events.emit('stream:finished', { result });
  for (const status of [200, 200]) events.emit('request:done', { system: 'erp', name: 'plant', status, durationMs: 5 });
  events.emit('request:done', { system: 'mes', name: 'mes', status: 0, durationMs: 5 });
}

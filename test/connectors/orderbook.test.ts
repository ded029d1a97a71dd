import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { serve } from '../../sandbox/http.ts';
import { createRandom } from '../../sandbox/random.ts';
import { type App, openApp } from '../../src/app/app.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import { createEventBus } from '../../src/core/events.ts';
import { createImpatientClock } from '../support/plant.ts';
import { orderbook } from './orderbook/index.ts';

interface Order {
  id: number;
  number: string;
  customer?: string;
  due?: string;
  state: string;
  changedAt: string;
}

const signal = new AbortController().signal;

/** The order book as the guide describes it, with a clock that stands still unless it is moved. */
async function startOrderbook() {
  const orders: Order[] = [];
  let nowMs = Date.UTC(2026, 9, 1, 8);
  const server = await serve(
    ({ method, path, query, headers }) => {
      if (headers.authorization !== `Basic ${btoa('reader:secret')}`) return { status: 401, body: '{}' };
      if (method !== 'GET' || path !== '/orders') return { status: 404, body: '{}' };
      const asked = new URLSearchParams(query);
      const [from, to, future] = ['from', 'to', 'future'].map((name) => asked.get(name));
      const inWindow = ({ changedAt }: Order) =>
        (changedAt >= (from ?? '') && (!to || changedAt < to)) || (!!future && changedAt >= future);
      const found = Object.values(orders).filter(
        (order) => inWindow(order) && order.id > Number(asked.get('after') ?? 0),
      );
      found.sort((one, other) =>
        asked.has('newest') ? (one.changedAt < other.changedAt ? 1 : -1) : one.id - other.id,
      );
      return { status: 200, body: JSON.stringify({ orders: found.slice(0, Number(asked.get('limit'))) }) };
    },
    { random: createRandom(1), dateHeader: () => new Date(nowMs) },
  );
  onTestFinished(server.stop);
  return {
    url: server.url,
    /** Someone writes an order; a minute passes. */
    write(id: number, changes: Partial<Order> = {}) {
      const written = { id, number: `SO-${id}`, customer: 'Bolt & Co', state: 'open', ...changes };
      orders[id] = { ...written, changedAt: new Date(nowMs).toISOString() };
      nowMs += 60_000;
    },
  };
}

async function openWith(
  url: string,
  password = 'secret',
): Promise<{ app: App; mes: Awaited<ReturnType<typeof startEryxon>> }> {
  const mes = await startEryxon({ seed: 1 });
  const directory = await mkdtemp(join(tmpdir(), 'orderbook-'));
  const rate = { requestsPerSecond: 1000, burst: 1000 };
  const own = {
    type: 'orderbook',
    url,
    externalSource: 'BOOK',
    rate,
    auth: { kind: 'basic', username: 'reader', password },
    settleSeconds: 0,
    streams: { orders: { pageSize: 2 } },
  };
  const rest = configSchema.parse({
    mes: { url: `${mes.url}/functions/v1`, apiKey: mes.apiKey, rate },
    state: { directory },
    connectors: {},
  }) as Config;
  const config = { ...rest, connectors: { book: await orderbook.settings.parseAsync(own) } } as Config;
  const events = createEventBus((error) => {
    throw error;
  });
  const clock = createImpatientClock();
  const app = await openApp({ config, clock, events, random: () => 0.5, connectors: [orderbook] });
  onTestFinished(async () => {
    await app.close();
    await mes.stop();
    await rm(directory, { recursive: true });
  });
  return { app, mes };
}

function pass(app: App) {
  return app.sync({ selection: [], full: false, release: false }, (_name, task) => task(signal));
}

it('delivers all at first, then what changes, and takes no bad row for an end', async () => {
  const book = await startOrderbook();
  for (const id of [1, 2, 3, 4, 5]) book.write(id);
  book.write(6, { state: 'on the moon' });
  const { app, mes } = await openWith(book.url);
  await app.prepare(signal);
  expect(await pass(app)).toMatchObject([{ outcome: 'refused', read: 6, created: 5, refused: 1 }]);
  expect(mes.image().jobs.get('3')?.fields).toMatchObject({ job_number: 'SO-3', customer: 'Bolt & Co' });

  book.write(3, { state: 'cancelled' });
  book.write(6, { due: '2026-12-24' });
  // Two, because the book's time is known from its last answer: the first may only hear that minutes have passed.
  const [first, second] = [await pass(app), await pass(app)];
  const total = (count: 'created' | 'deleted') => [...first, ...second].reduce((sum, result) => sum + result[count], 0);
  expect([total('created'), total('deleted')]).toEqual([1, 1]);
  expect(mes.image().jobs.get('3')?.onHold).toBe(true);
  expect(mes.image().jobs.get('6')?.fields['due_date']).toBe('2026-12-24T00:00:00+00:00');
  expect(await pass(app)).toMatchObject([{ outcome: 'ok', created: 0, updated: 0 }]);
});

it('tells by check what is wrong', async () => {
  const book = await startOrderbook();
  book.write(1);
  const findings = async (password?: string) => {
    const { app } = await openWith(book.url, password);
    return (await app.connectors.get('book')?.session.check(signal)) ?? [];
  };
  expect((await findings()).filter(({ level }) => level === 'error')).toEqual([]);
  const text = expect.stringMatching(/HTTP 401\. Check auth\.$/);
  expect(await findings('wrong-secret')).toMatchObject([{ code: 'credentials-refused', where: 'book/orders', text }]);
});

const root = join(import.meta.dirname, '../..');

/** The code of a file as the guide has it. */
async function codeInGuide(name: string): Promise<string> {
  const guide = await readFile(join(root, 'docs/adding-a-connector.md'), 'utf8');
  const [, code = ''] = guide.split(`src/connectors/orderbook/${name}.ts`)[1]?.split(/^```(?:ts)?\n/m) ?? [];
  return code;
}

/** Imports have an order of their own in each folder. */
function inAnyOrder(code: string): string[] {
  const lines = code.split('\n');
  const isImport = (line: string) => line.startsWith('import ');
  return [...lines.filter(isImport).sort(), ...lines.filter((line) => !isImport(line))];
}

it.each(['streams', 'index'])('%s.ts stands in the guide as it is tested here', async (name) => {
  const code = await readFile(join(import.meta.dirname, `orderbook/${name}.ts`), 'utf8');
  const asInConnectors = code.replaceAll('../../../src/connectors/', '../').replaceAll('../../../src/', '../../');
  expect(inAnyOrder(await codeInGuide(name))).toEqual(inAnyOrder(asInConnectors));
});

it('the code in the guide passes the checks of a connector', async () => {
  const copy = await mkdtemp(join(tmpdir(), 'orderbook-'));
  onTestFinished(() => rm(copy, { recursive: true }));
  const folder = join(copy, 'src/connectors/orderbook');
  await mkdir(folder, { recursive: true });
  for (const file of ['biome.json', 'biome.layers.json']) await copyFile(join(root, file), join(copy, file));
  for (const name of ['streams', 'index']) await writeFile(join(folder, `${name}.ts`), await codeInGuide(name));
  const biome = join(root, 'node_modules/.bin/biome');
  const { stdout } = await promisify(execFile)(biome, ['check', '--vcs-enabled=false', 'src'], { cwd: copy });
  expect(stdout).toContain('Checked 2 files');
});

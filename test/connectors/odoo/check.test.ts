import { describe, expect, it, onTestFinished } from 'vitest';
import { type OdooOptions, startOdoo } from '../../../sandbox/odoo/index.ts';
import type { ConnectorSession } from '../../../src/connectors/connector.ts';
import { odoo } from '../../../src/connectors/odoo/index.ts';
import { createHastyClock, createStrictBus, never } from '../../support/connector-context.ts';

async function start(options: Partial<OdooOptions> = {}, own: object = {}) {
  const simulator = await startOdoo({ seed: 3, records: 60, ...options });
  onTestFinished(simulator.stop);
  const { database, username, apiKey: key } = simulator.credentials;
  const rate = { requestsPerSecond: 1000, burst: 1000 };
  const auth = { kind: 'apiKey', username, key };
  const settings = { type: 'odoo', url: simulator.url, database, auth, externalSource: 'ODOO', rate, ...own };
  const config = await odoo.settings.parseAsync(settings);
  const context = {
    name: 'plant-2',
    clock: createHastyClock(),
    events: createStrictBus(),
    random: () => 0,
    attempts: 1,
  };
  const session = odoo.open(config, context);
  onTestFinished(session.close);
  return { simulator, session };
}

/** Streams of which a whole read or one of changes fails. */
async function unreadable({ streams }: ConnectorSession): Promise<string[]> {
  const failed = new Set<string>();
  for (const { name, read } of streams) {
    const windows = [{ mode: 'full' }, { mode: 'delta', from: '2020-01-01T00:00:00.000Z' }] as const;
    for (const window of windows) {
      const rows = read(window, undefined, never)[Symbol.asyncIterator]();
      const toTheEnd = async () => {
        while (!(await rows.next()).done);
      };
      await toTheEnd().catch(() => failed.add(name));
    }
  }
  return [...failed];
}

describe.each([17, 19] as const)('a right that the account lacks (%i)', (version) => {
  it.each([
    'mrp.workcenter',
    'maintenance.equipment',
    'sale.order',
    'sale.order.line',
    'stock.move',
    'product.product',
    'res.partner',
    'mrp.production',
    'mrp.workorder',
  ])('to %s is told of each stream that needs it, and of no other', async (model) => {
    const { simulator, session } = await start({ version });
    simulator.setRights(model, 'none');
    const errors = (await session.check(never)).filter(({ level }) => level === 'error');
    expect(errors.map(({ where }) => where)).toEqual((await unreadable(session)).map((name) => `plant-2/${name}`));
    for (const { text } of errors) expect(text).toContain(`(${model})`);
    expect(errors.map(({ code }) => code)).toEqual(errors.map(() => 'stream-refused'));
  });
});

it('rights that the account lacks are told all at once', async () => {
  const { simulator, session } = await start();
  const models = ['product.product', 'stock.move', 'sale.order.line'];
  for (const model of models) simulator.setRights(model, 'none');
  const [refused] = (await session.check(never)).filter(({ level }) => level === 'error');
  for (const model of models) expect(refused?.text).toContain(`(${model})`);
});

it('a database without Sales and Maintenance needs no rights to them', async () => {
  const { simulator, session } = await start({ absent: ['sale', 'maintenance'] });
  simulator.setRights('sale.order', 'none');
  expect((await session.check(never)).filter(({ level }) => level === 'error')).toEqual([]);
});

it.each([
  ['Asia/Tokyo', 'Europe/Brussels', 1],
  ['Africa/Algiers', 'Europe/Brussels', 1],
  ['Europe/Amsterdam', 'Europe/Brussels', 0],
  ['UTC', 'Europe/Brussels', 0],
  ['Asia/Tokyo', null, 0],
  ['Asia/Tokyo', 'Middle/Earth', 0],
] as const)('timeZone %s with an account in %s is doubted %i times', async (timeZone, userZone, times) => {
  for (const version of [17, 19] as const) {
    const { session } = await start({ version, userZone }, { timeZone });
    const doubts = (await session.check(never)).filter(({ code }) => code === 'zone-differs');
    expect(doubts.map(({ level }) => level)).toEqual(Array(times).fill('warning'));
  }
});

it.each(['auto', 'json2', 'jsonrpc'])('a database that there is not is told once (%s)', async (protocol) => {
  const { session } = await start({}, { database: 'nodb', protocol });
  expect(await session.check(never)).toMatchObject([
    {
      code: 'credentials-refused',
      text: expect.stringContaining('no such database'),
      todo: expect.stringMatching(/^Correct database/),
    },
  ]);
});

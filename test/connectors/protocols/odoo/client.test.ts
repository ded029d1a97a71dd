import { describe, expect, it, onTestFinished } from 'vitest';
import { type Exchange, serve } from '../../../../sandbox/http.ts';
import { createRandom } from '../../../../sandbox/random.ts';
import type { Answer } from '../../../../sandbox/types.ts';
import {
  createOdooClient,
  type OdooClient,
  type OdooOptions,
} from '../../../../src/connectors/protocols/odoo/client.ts';
import { createHttpClient } from '../../../../src/core/http.ts';
import { createHastyClock, createStrictBus, never, unlimited } from '../../../support/connector-context.ts';

interface Server {
  client: OdooClient;
  /** Paths and bodies so far. */
  asked: { path: string; body: string }[];
}

async function start(answer: (exchange: Exchange) => Answer, over: Partial<OdooOptions> = {}): Promise<Server> {
  const asked: Server['asked'] = [];
  const server = await serve(
    (exchange) => {
      asked.push({ path: exchange.path, body: exchange.body });
      return answer(exchange);
    },
    { random: createRandom(1) },
  );
  onTestFinished(server.stop);
  const [clock, events] = [createHastyClock(), createStrictBus()];
  const limits = { deadlineMs: 5000, maxBytes: 1_048_576 };
  const http = createHttpClient({ origin: server.url, system: 'erp', name: 'plant-2', clock, events, ...limits });
  onTestFinished(http.close);
  const client = createOdooClient({
    name: 'plant-2',
    http,
    prefix: '',
    account: { database: 'odoo', username: 'reader', secret: 'canary-key' },
    protocol: 'auto',
    secretIsKey: true,
    context: { lang: 'en_US' },
    companies: undefined,
    bucket: unlimited,
    clock,
    events,
    random: () => 0,
    attempts: 3,
    ...over,
  });
  return { client, asked };
}

const json = (value: unknown, status = 200): Answer => ({ status, body: JSON.stringify(value) });
const count = { model: 'mrp.production', method: 'search_count', named: { domain: [] } } as const;

/** An Odoo 19 whose account belongs to these companies, and which takes these in a context. */
function withCompanies(own: unknown, taken: readonly number[]): (exchange: Exchange) => Answer {
  return ({ path, body }) => {
    if (path === '/json/version') return json({ version: '19.0' });
    const { context = {} } = JSON.parse(body) as { context?: { allowed_company_ids?: number[] } };
    if (context.allowed_company_ids?.some((id) => !taken.includes(id))) {
      const message = 'Access to unauthorized or invalid companies.';
      return json({ name: 'odoo.exceptions.AccessError', message }, 403);
    }
    return path.endsWith('res.users/search_read') ? json(own) : json(7);
  };
}

describe('the companies of a call', () => {
  const contextOf = ({ asked }: Server) => JSON.parse(asked.at(-1)?.body ?? '{}').context;

  it('are those that the account has, found out once', async () => {
    const server = await start(withCompanies([{ id: 9, company_ids: [1, 2] }], [1, 2]));
    for (let call = 0; call < 3; call += 1) expect(await server.client.call(count, never)).toBe(7);
    expect(contextOf(server)).toEqual({ lang: 'en_US', allowed_company_ids: [1, 2] });
    expect(server.asked).toHaveLength(1 + 2 + 3);
  });

  it('are not named where Odoo does not take the list of the account', async () => {
    const server = await start(withCompanies([{ id: 9, company_ids: [1, 8] }], [1]));
    expect(await server.client.call(count, never)).toBe(7);
    expect(contextOf(server)).toEqual({ lang: 'en_US' });
  });

  it.each([[[]], [[{ id: 9 }]], [null]])('are not named where the account cannot be read: %j', async (own) => {
    const server = await start(withCompanies(own, []));
    expect(await server.client.call(count, never)).toBe(7);
    expect(contextOf(server)).toEqual({ lang: 'en_US' });
  });

  it('are those of the config, and refused when the account lacks one', async () => {
    const server = await start(withCompanies([], [1]), { companies: [1, 3] });
    await expect(server.client.call(count, never)).rejects.toThrow('Check allowedCompanyIds');
  });
});

describe('the protocol', () => {
  const rpc = ({ body }: Exchange): Answer => {
    const { params } = JSON.parse(body) as { params: { service: string; method: string } };
    const results: Record<string, unknown> = { version: { server_version: '17.0' }, authenticate: 9, execute_kw: 7 };
    return json({ jsonrpc: '2.0', id: 1, result: results[params.method] });
  };

  it.each<[string, Answer]>([
    ['a page of the website', { status: 404, body: '<html>' }],
    ['a page with status 200', { status: 200, body: '<html>' }],
    ['a way elsewhere', { status: 303, headers: { location: '/web' }, body: '' }],
  ])('is JSON-RPC where /json/version answers with %s', async (_what, page) => {
    const { client } = await start((exchange) => (exchange.path === '/json/version' ? page : rpc(exchange)));
    expect(await client.server(never)).toEqual({ protocol: 'jsonrpc', version: '17.0' });
    expect(await client.call(count, never)).toBe(7);
  });

  it('is not decided by a server that is busy for a moment', async () => {
    let tries = 0;
    const { client } = await start((exchange) => {
      tries += 1;
      return tries < 3 ? { status: 503, body: 'busy' } : withCompanies([], [])(exchange);
    });
    expect(await client.server(never)).toEqual({ protocol: 'json2', version: '19.0' });
  });

  it('is JSON-RPC with a password, without a look', async () => {
    const { client, asked } = await start(rpc, { secretIsKey: false, protocol: 'jsonrpc' });
    expect(await client.call(count, never)).toBe(7);
    expect(new Set(asked.map(({ path }) => path))).toEqual(new Set(['/jsonrpc']));
  });
});

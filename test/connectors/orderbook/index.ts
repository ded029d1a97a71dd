import { z } from 'zod';
import type { Connector, ConnectorContext, ConnectorSession } from '../../../src/connectors/connector.ts';
import { mesFields } from '../../../src/connectors/fields.ts';
import { authSchema, createAuthenticator } from '../../../src/connectors/protocols/auth.ts';
import { createErpClient, type ErpClient, refusal } from '../../../src/connectors/protocols/erp-client.ts';
import { openErpHttp, requireClock } from '../../../src/connectors/session.ts';
import { checkSession } from '../../../src/connectors/session-check.ts';
import { connectorShape, numberPrefixSchema, urlSchema } from '../../../src/connectors/settings.ts';
import { TransientError } from '../../../src/core/errors.ts';
import type { HttpClient } from '../../../src/core/http.ts';
import { createTokenBucket } from '../../../src/core/token-bucket.ts';
import { openOrders, orderStreamSchema } from './streams.ts';

const settings = z.strictObject({
  ...connectorShape,
  type: z.literal('orderbook').meta({ description: 'The kind of ERP' }),
  url: urlSchema.meta({ description: 'Origin of the order book' }),
  auth: authSchema,
  numberPrefix: numberPrefixSchema,
  streams: z.strictObject({ orders: orderStreamSchema.optional() }).default({}),
});

export type OrderbookSettings = z.output<typeof settings>;

/** The order book of the example in docs/adding-a-connector.md. */
export const orderbook: Connector<OrderbookSettings> = {
  type: 'orderbook',
  settings,
  needs: {},
  fieldsOf: (stream) => (stream === 'orders' ? Object.keys(mesFields.job) : undefined),
  open: openOrderbook,
};

export interface OrderbookClient {
  orders(query: Record<string, string>, signal: AbortSignal): Promise<unknown[]>;
  now(): Date | undefined;
}

function openOrderbook(config: OrderbookSettings, context: ConnectorContext): ConnectorSession {
  const { name, clock } = context;
  const origin = new URL(config.url).origin;
  const clients: HttpClient[] = [];
  const open = (at: string) => {
    const http = openErpHttp(config, context, at);
    clients.push(http);
    return http;
  };
  const auth = createAuthenticator(config.auth, { clock, tokenClient: open });
  const bucket = createTokenBucket(config.rate, clock);
  const client = openClient(createErpClient({ ...context, http: open(origin), auth, bucket }), context);
  const orders = openOrders(config, client);
  const sample = async (signal: AbortSignal) => (await client.orders({ limit: '1' }, signal)).length;
  const session = {
    name,
    source: config.externalSource,
    streams: [orders],
    async prepare(signal: AbortSignal) {
      await sample(signal);
    },
    async clock(signal: AbortSignal) {
      if (client.now() === undefined) await sample(signal);
      return requireClock(client.now(), { name, url: origin });
    },
    close() {
      for (const each of clients) each.close();
    },
  };
  const probes = [{ name: orders.name, sample }];
  return { ...session, check: (signal) => checkSession({ session, probes, clock }, signal) };
}

const hints = {
  credentials: 'Check auth.',
  forbidden: 'The user may not read orders.',
  missing: 'Check url.',
  query: 'The query was refused.',
};

function openClient(erp: ErpClient, { name, clock }: ConnectorContext): OrderbookClient {
  const what = `${name}: GET /orders`;
  return {
    orders: (query, signal) =>
      erp.ask(
        { method: 'GET', path: `/orders?${new URLSearchParams(query)}`, headers: { Accept: 'application/json' } },
        (answer) => {
          if (answer.status !== 200) throw refusal(answer, { what, said: '', hints, now: clock.now() });
          return readOrders(answer.text, what);
        },
        signal,
      ),
    now: erp.now,
  };
}

const answerSchema = z.object({ orders: z.array(z.unknown()) });

/** A page of HTML with status 200 is a proxy's or a portal's, and passes. */
function readOrders(text: string, what: string): unknown[] {
  try {
    return answerSchema.parse(JSON.parse(text)).orders;
  } catch (cause) {
    throw new TransientError(`${what} answered something else than orders.`, { malformed: true, cause });
  }
}

import type { AuthSettings } from '../../src/connectors/protocols/auth.ts';
import { createAuthenticator } from '../../src/connectors/protocols/auth.ts';
import { createODataClient, type ODataClient, type ODataOptions } from '../../src/connectors/protocols/odata/client.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { EventBus } from '../../src/core/events.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../../src/core/http.ts';
import { createHastyClock, createStrictBus, unlimited } from './connector-context.ts';

export interface ClientSetup {
  origin: string;
  auth?: AuthSettings;
  clock?: Clock;
  events?: EventBus;
  http?: Partial<HttpOptions>;
  options?: Partial<ODataOptions>;
}

export interface ClientUnderTest {
  client: ODataClient;
  httpClients: readonly HttpClient[];
  clock: Clock;
}

/** An OData client over the real HTTP client, as a connector puts it together. */
export function openClient(setup: ClientSetup): ClientUnderTest {
  const clock = setup.clock ?? createHastyClock();
  const events = setup.events ?? createStrictBus();
  const httpClients: HttpClient[] = [];
  const open = (origin: string): HttpClient => {
    const opened = createHttpClient({
      origin,
      system: 'erp',
      name: 'plant-1',
      deadlineMs: 60_000,
      maxBytes: 1_048_576,
      clock,
      events,
      ...setup.http,
    });
    httpClients.push(opened);
    return opened;
  };
  const auth = setup.auth ?? { kind: 'basic', username: 'MES_READER', password: 'canary-password' };
  const client = createODataClient({
    name: 'plant-1',
    http: open(setup.origin),
    auth: createAuthenticator(auth, { clock, tokenClient: open }),
    bucket: unlimited,
    always: {},
    clock,
    events,
    random: () => 1,
    attempts: 5,
    ...setup.options,
  });
  return { client, httpClients, clock };
}

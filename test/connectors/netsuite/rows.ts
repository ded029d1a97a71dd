import type { ConnectorContext, ConnectorSession, MappedRow, Stream } from '../../../src/connectors/connector.ts';
import { netsuite } from '../../../src/connectors/netsuite/index.ts';
import type { MesRecord } from '../../../src/core/types.ts';
import { createHastyClock, createStrictBus } from '../../support/connector-context.ts';

export const tba = {
  kind: 'tba',
  consumerKey: 'canary-consumer',
  consumerSecret: 'canary-consumer-secret',
  tokenId: 'canary-token',
  tokenSecret: 'canary-token-secret',
};

export const m2m = {
  kind: 'oauth2',
  clientId: 'client-1',
  certificateId: 'certificate-1',
  keyFile: 'test/fixtures/netsuite/key.pem',
};

/** A session with settings as an operator writes them, laid over the least that is needed. */
export async function openNetSuite(
  own: object = {},
  context: Partial<ConnectorContext> = {},
): Promise<ConnectorSession> {
  const settings = await netsuite.settings.parseAsync({
    type: 'netsuite',
    accountId: '1234567_SB1',
    auth: tba,
    externalSource: 'NS',
    timeZone: 'Europe/Amsterdam',
    rate: { requestsPerSecond: 1000, burst: 1000 },
    ...own,
  });
  const base = { name: 'plant-1', clock: createHastyClock(), events: createStrictBus(), random: () => 0, attempts: 3 };
  return netsuite.open(settings, { ...base, ...context });
}

export function streamIn(session: ConnectorSession, name: string): Stream {
  const stream = session.streams.find((candidate) => candidate.name === name);
  if (stream === undefined) throw new Error(`There is no stream ${name}.`);
  return stream;
}

/** What one row becomes. */
export async function mapRow(name: string, row: unknown, own: object = {}): Promise<MappedRow> {
  const [mapped] = await streamIn(await openNetSuite(own), name).map([row]);
  if (mapped === undefined) throw new Error('The row was lost.');
  return mapped;
}

/** The records of one row; throws when it was refused. */
export async function recordsOf(name: string, row: unknown, own: object = {}): Promise<MesRecord[]> {
  const mapped = await mapRow(name, row, own);
  if (mapped.kind === 'refused') throw new Error(`${mapped.stage}: ${mapped.reason}`);
  return mapped.records;
}

/** Rows as they are once everything has been looked up: all texts, nulls left out. */
export const netSuiteRows = {
  workCenter: { id: '5459', groupname: 'Milling', isinactive: 'F' },
  salesOrder: {
    id: '3301',
    tranid: 'SO-900',
    status: 'SalesOrd:B',
    entity: '77',
    shipdate: '2026-12-31',
    duedate: '2027-01-15',
    lastmodified: '2026-11-20 21:55:00',
    customerseen: '77',
    companyname: 'Acme GmbH',
    entityid: 'C-77',
    customermodified: '2026-11-01 10:00:00',
  },
  workOrder: {
    id: '4821',
    tranid: 'WO-17',
    status: 'WorkOrd:B',
    duedate: '2026-12-31',
    lastmodified: '2026-11-20 21:55:00',
    lineseen: '4821',
    item: '12',
    quantity: '10.5',
    createdfrom: '3301',
    linemodified: '2026-11-20 21:56:00',
    itemseen: '12',
    itemid: 'GEAR-7',
    itemmodified: '2026-10-01 08:00:00',
    origin: '3301',
    origintype: 'SalesOrd',
    originstatus: 'SalesOrd:B',
    originmodified: '2026-11-20 20:00:00',
  },
  task: {
    id: '991',
    workorder: '4821',
    operationsequence: '10',
    title: 'Saw to length',
    status: 'NOTSTART',
    manufacturingworkcenter: '5459',
    setuptime: '30',
    runrate: '1.25',
    inputquantity: '10',
    startdatetime: '2026-12-15 10:00:00',
    enddate: '2026-12-15 14:30:00',
    orderstatus: 'WorkOrd:B',
  },
} as const;

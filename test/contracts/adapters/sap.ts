import { serve } from '../../../sandbox/http.ts';
import { createRandom } from '../../../sandbox/random.ts';
import { edmx } from '../../../sandbox/sap/edmx.ts';
import { type SapOptions, startSap } from '../../../sandbox/sap/index.ts';
import { services } from '../../../sandbox/sap/metadata.ts';
import { type Adapter, playUntil } from './adapter.ts';

const fast = { rate: { requestsPerSecond: 1000, burst: 1000 } };
const password = 'Welcome#1:%';

export const sapAdapter: Adapter = {
  type: 'sap',
  stream: 'sales-orders',
  table: 'jobs',
  variants: {
    V2: { erp: { protocol: 'v2' }, settings: {} },
    V4: { erp: { protocol: 'v4' }, settings: { odata: 'v4' } },
    'V2 with small server pages behind a proxy': { erp: { protocol: 'v2', serverPageSize: 7 }, settings: {} },
    'V4 with small server pages behind a proxy': {
      erp: { protocol: 'v4', serverPageSize: 7 },
      settings: { odata: 'v4' },
    },
  },
  bad: [
    {
      what: 'a wrong password',
      own: { auth: { kind: 'basic', username: 'MES_READER', password: 'canary-password' } },
      code: 'credentials-refused',
      text: /HTTP 401.*Check auth and sapClient/,
    },
    {
      what: 'a wrong client',
      own: { sapClient: '200' },
      code: 'erp-answers-otherwise',
      text: /logon.*Check sapClient/,
    },
    {
      what: 'an unknown service',
      own: { streams: { 'sales-orders': { path: '/sap/opu/odata/sap/API_NOTHING/Set' } } },
      code: 'stream-refused',
      text: /API_NOTHING\/\$metadata answered HTTP 404 \(No service found.*not activated, or the stream's path is wrong/,
    },
    {
      what: 'an unknown entity set',
      own: { streams: { 'sales-orders': { path: '/sap/opu/odata/sap/API_SALES_ORDER_SRV/Nothing' } } },
      code: 'stream-refused',
      text: /API_SALES_ORDER_SRV\/\$metadata has no entity set Nothing/,
    },
    {
      what: 'a property that the system lacks',
      own: { streams: { 'sales-orders': { properties: { SoldToParty: 'ZZ_PARTY' } } } },
      code: 'property-missing',
      text: /plant-1\/sales-orders: .*A_SalesOrder has no property ZZ_PARTY on this system/,
    },
    {
      what: 'a filter that the system refuses',
      own: { streams: { 'sales-orders': { filter: 'SalesOrder eq 1' } } },
      code: 'stream-refused',
      text: /HTTP 400 .*Invalid literal.*check the stream's filter/,
    },
    {
      what: 'a stamp of another kind',
      own: { streams: { 'sales-orders': { stampKind: 'char14' } } },
      code: 'property-missing',
      text: /stampKind char14 does not fit LastChangeDateTime, which is Edm\.DateTimeOffset/,
    },
    {
      what: 'a condition on a property that the system lacks',
      own: { streams: { 'sales-orders': { when: 'SalesOrganisation = "1710"' } } },
      code: 'property-missing',
      text: /plant-1\/sales-orders: when reads SalesOrganisation, which .*A_SalesOrder does not have/,
    },
    {
      what: 'a field of a property that the system lacks',
      own: { streams: { equipment: { fields: { description: 'NoSuchProperty' } } } },
      code: 'property-missing',
      text: /plant-1\/equipment: fields\.description reads NoSuchProperty/,
    },
    {
      what: 'a condition of which nobody can tell what it reads',
      own: { streams: { 'sales-orders': { when: '$lookup($, "SalesOrganization") = "1710"' } } },
      code: 'mapping-doubtful',
      text: /when uses the row as a whole/,
    },
    {
      what: 'an address nobody listens at',
      own: { url: 'http://127.0.0.1:9' },
      code: 'erp-unreachable',
      text: /ECONNREFUSED/,
    },
  ],
  async start(variant, options) {
    const sap = await startSap({ seed: 11, records: 700, ...(variant as Partial<SapOptions>), ...options });
    return {
      ...sap,
      secrets: [
        password,
        encodeURIComponent(password),
        Buffer.from(`MES_READER:${password}`).toString('base64'),
        'canary',
      ],
      settings: (own = {}) => sapSettings(sap.url, own),
      playLate() {
        const [, externalId = '', at = ''] = playUntil(sap, /^sales order (\d+) created \(visible at (.*)\)/);
        return { externalId, visibleAt: new Date(at) };
      },
      playTie: () => Number(playUntil(sap, /^mass change of (\d+) sales orders$/)[1]),
      playFuture: () => void playUntil(sap, / changed with a stamp in 2999$/),
      playCancelled: () => playUntil(sap, /^sales order (\d+) rejected$/)[1] ?? '',
      playDeleted: () => ['jobs', playUntil(sap, /^sales order (\d+) deleted$/)[1] ?? ''],
    };
  },
  async startLarge(rows) {
    const service = services.find(({ path }) => path.endsWith('API_SALES_ORDER_SRV'));
    if (service === undefined) throw new Error('The sandbox has no sales orders.');
    const metadata = edmx(service);
    const server = await serve(
      ({ path, query }) => {
        const headers = { 'content-type': path.endsWith('$metadata') ? 'application/xml' : 'application/json' };
        if (path.endsWith('$metadata')) return { status: 200, headers, body: metadata };
        const options = new URLSearchParams(query);
        const behind = Number(/SalesOrder gt '(\d+)'/.exec(options.get('$filter') ?? '')?.[1] ?? 0);
        const count = Math.min(Number(options.get('$top')), rows - behind);
        const results = Array.from({ length: count }, (_, index) => salesOrder(behind + index + 1));
        return { status: 200, headers, body: JSON.stringify({ d: { results } }) };
      },
      { random: createRandom(1) },
    );
    return { settings: sapSettings(server.url, {}), stop: server.stop };
  },
};

function sapSettings(url: string, own: object): object {
  const auth = { kind: 'basic', username: 'MES_READER', password };
  return {
    type: 'sap',
    url,
    auth,
    sapClient: '100',
    externalSource: 'SAP',
    timeZone: 'Europe/Amsterdam',
    plantTimeZones: { '1720': 'America/Chicago' },
    ...fast,
    ...own,
  };
}

function salesOrder(number: number): object {
  const SalesOrder = String(number).padStart(10, '0');
  return {
    SalesOrder,
    SoldToParty: `C${number}`,
    OverallSDProcessStatus: 'A',
    LastChangeDateTime: '/Date(1790841600123)/',
  };
}

import { readFileSync } from 'node:fs';
import { serve } from '../../../sandbox/http.ts';
import { type NetSuiteOptions, type NetSuiteSimulator, startNetSuite } from '../../../sandbox/netsuite/index.ts';
import { createRandom } from '../../../sandbox/random.ts';
import { type Adapter, playUntil } from './adapter.ts';

const timeZone = 'Europe/Amsterdam';
const folder = 'test/fixtures/netsuite';

interface SetUp extends Partial<NetSuiteOptions> {
  /** Tables that the role may not see. */
  denied?: readonly string[];
  /** Names of columns are written like this. */
  keyCase?: 'lower' | 'upper';
}

const settingsOf = ({ url, credentials }: NetSuiteSimulator) => {
  const { accountId, clientId, certificateId, consumerKey, consumerSecret, tokenId, tokenSecret } = credentials;
  const keys = { keyFile: `${folder}/key.pem`, certFile: `${folder}/certificate.pem` };
  return {
    baseUrl: url,
    accountId,
    oauth2: { kind: 'oauth2', clientId, certificateId, ...keys },
    tba: { kind: 'tba', consumerKey, consumerSecret, tokenId, tokenSecret },
  };
};

const canary = { consumerKey: 'canary', consumerSecret: 'canary', tokenId: 'canary', tokenSecret: 'canary' };

export const netSuiteAdapter: Adapter = {
  type: 'netsuite',
  stream: 'sales-orders',
  table: 'jobs',
  variants: {
    'OAuth 2.0': { erp: {}, settings: {} },
    'a signed token, and names in capitals': { erp: { keyCase: 'upper' }, settings: { auth: 'tba' } },
  },
  bad: [
    {
      what: 'a certificate that is not the one',
      own: { auth: { certificateId: 'canary' } },
      code: 'credentials-refused',
      text: /token endpoint refused.*invalid_client.*auth\.certificateId/,
    },
    {
      what: 'another token',
      own: { auth: { kind: 'tba', ...canary } },
      code: 'credentials-refused',
      text: /HTTP 401 \(INVALID_LOGIN.*Check auth and accountId.*Login Audit Trail/,
    },
    {
      what: 'a role without SuiteAnalytics Workbook',
      own: {},
      erp: { denied: ['suiteql'] },
      code: 'stream-refused',
      text: /HTTP 403.*role lacks REST Web Services or SuiteAnalytics Workbook/,
    },
    {
      what: 'a role that may not see customers',
      own: {},
      erp: { denied: ['customer'] },
      code: 'stream-refused',
      text: /can be seen, but not everything.*It needs the permissions Sales Order, Find Transaction and Customers/,
    },
    {
      what: 'routing that is switched off',
      own: {},
      erp: { routing: false },
      code: 'stream-refused',
      text: /ismanufacturingworkcenter.*It needs the feature Manufacturing Routing and Work Center/,
    },
    {
      what: 'a list of deletions that may not be read',
      own: {},
      erp: { denied: ['deletedrecord'] },
      code: 'deletions-unlisted',
      text: /list of deletions cannot be read/,
    },
    {
      what: 'a zone that is not that of the plant',
      own: { timeZone: 'America/Chicago' },
      code: 'zone-differs',
      text: /lives at \+0[12]:00 from UTC, timeZone America\/Chicago at -0[56]:00/,
    },
    {
      what: 'a certificate that is nowhere to be read',
      own: { auth: { certFile: undefined } },
      code: 'certificate-unwatched',
      text: /When the certificate ends cannot be known/,
    },
    {
      what: 'a column that the account lacks',
      own: { streams: { 'sales-orders': { columns: { plant: 't.custbody_plant' } } } },
      code: 'stream-refused',
      text: /custbody_plant.*see columns, filter and relatedChanges of the stream/,
    },
    {
      what: 'a mapping of what no row has',
      own: { streams: { 'sales-orders': { fields: { notes: 'memo' } } } },
      code: 'property-missing',
      text: /plant-1\/sales-orders: fields\.notes reads memo/,
    },
    {
      what: 'a condition of which nobody can tell what it reads',
      own: { streams: { 'sales-orders': { when: '($row := $; $row.Status != "x")' } } },
      code: 'mapping-doubtful',
      text: /when names Status, which the row does not have/,
    },
    {
      what: 'an address nobody listens at',
      own: { baseUrl: 'http://127.0.0.1:9' },
      code: 'erp-unreachable',
      text: /ECONNREFUSED/,
    },
  ],
  async start(variant, { deletes = false, ...options } = {}) {
    const { denied = [], keyCase = 'lower', ...own } = variant as SetUp;
    const erp = await startNetSuite({
      seed: 11,
      records: 700,
      timeZone,
      user: { timeZone },
      publicKey: readFileSync(`${folder}/certificate.pem`, 'utf8'),
      physicalDeletes: deletes,
      ...options,
      ...own,
    });
    erp.setKeyCase(keyCase);
    for (const table of denied) erp.setRights(table, 'none');
    const { oauth2, tba, ...reach } = settingsOf(erp);
    const { consumerSecret, tokenSecret } = erp.credentials;
    return {
      ...erp,
      secrets: [consumerSecret, tokenSecret, 'canary', 'PRIVATE KEY', 'eyJ'],
      settings({ auth, ...rest }: { auth?: unknown } = {}) {
        const chosen = auth === 'tba' ? tba : { ...oauth2, ...(auth as object | undefined) };
        const isTba = (auth as { kind?: unknown } | undefined)?.kind === 'tba';
        return { ...common, ...reach, auth: isTba ? auth : chosen, ...rest };
      },
      playLate() {
        const [, externalId = '', at = ''] = playUntil(erp, /^sales order (\d+) created \(visible at (.*)\)/);
        return { externalId, visibleAt: new Date(at) };
      },
      playTie() {
        playUntil(erp, /^mass update of \d{3} transactions$/);
        // Work orders and purchases are among them; of a hundred neighbours, so many are sales orders at the least.
        return 7;
      },
      playFuture: () => void playUntil(erp, / order \d+ changed in 2999$/),
      playCancelled: () => playUntil(erp, /^sales order (\d+) cancelled$/)[1] ?? '',
      playDeleted: () => ['jobs', playUntil(erp, /^sales order (\d+) deleted$/)[1] ?? ''],
    };
  },
  async startLarge(rows) {
    const server = await serve(
      ({ query, body }) => {
        const { q } = JSON.parse(body) as { q: string };
        const limit = Number(new URLSearchParams(query).get('limit'));
        const behind = Number(/t\.id > (\d+)/.exec(q)?.[1] ?? 0);
        const count = q.includes('FROM transaction t') ? Math.min(limit, rows - behind) : 0;
        const items = Array.from({ length: count }, (_, index) => salesOrder(behind + index + 1));
        return { status: 200, body: JSON.stringify({ items, hasMore: behind + count < rows && count > 0 }) };
      },
      { random: createRandom(1) },
    );
    return {
      settings: { ...common, baseUrl: server.url, accountId: '1', auth: { kind: 'tba', ...canary } },
      stop: server.stop,
    };
  },
};

const common = {
  type: 'netsuite',
  externalSource: 'NS',
  timeZone,
  rate: { requestsPerSecond: 1000, burst: 1000 },
};

function salesOrder(number: number): object {
  return {
    links: [],
    id: String(number),
    tranid: `SO-${number}`,
    status: 'SalesOrd:B',
    entity: String(1 + (number % 50)),
    shipdate: '2026-12-31',
    lastmodified: '2026-11-20 21:55:00',
  };
}

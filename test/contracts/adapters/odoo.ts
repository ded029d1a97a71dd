import { serve } from '../../../sandbox/http.ts';
import { type OdooOptions, type OdooSimulator, startOdoo } from '../../../sandbox/odoo/index.ts';
import { createRandom } from '../../../sandbox/random.ts';
import { type Adapter, playUntil } from './adapter.ts';

const fast = { rate: { requestsPerSecond: 1000, burst: 1000 } };

/** What `start` may be told beside the options of the simulator: what an administrator does before the connector comes. */
interface Variant extends Partial<OdooOptions> {
  rights?: Readonly<Record<string, 'none' | 'hidden'>>;
}

const byKey = { auth: 'apiKey' };
const byPassword = { auth: 'password' };

export const odooAdapter: Adapter = {
  type: 'odoo',
  stream: 'manufacturing-orders',
  table: 'parts',
  variants: {
    '19 by JSON-2': { erp: { version: 19 }, settings: byKey },
    '17 by JSON-RPC': { erp: { version: 17 }, settings: byKey },
    '19 by JSON-RPC with a password': { erp: { version: 19 }, settings: byPassword },
  },
  bad: [
    {
      what: 'a wrong key',
      own: { auth: { kind: 'apiKey', username: 'mes-reader@example.com', key: 'canary-key' } },
      code: 'credentials-refused',
      text: /was refused: .*API key is wrong, revoked or expired/,
    },
    {
      what: 'a wrong password',
      own: { auth: { kind: 'password', username: 'mes-reader@example.com', password: 'canary-password' } },
      code: 'credentials-refused',
      text: /Odoo does not know this user name with this password/,
    },
    {
      what: 'a database that there is not, by JSON-2',
      own: { database: 'nodb', protocol: 'json2' },
      code: 'credentials-refused',
      text: /HTTP 404 .* no such database.*Check database and url/,
    },
    {
      what: 'a database that there is not, by JSON-RPC',
      own: { database: 'nodb', protocol: 'jsonrpc' },
      code: 'credentials-refused',
      text: /no such database\. Check database/,
    },
    {
      what: 'a right that is missing',
      own: {},
      erp: { rights: { 'mrp.production': 'none' } },
      code: 'stream-refused',
      text: /You are not allowed to access '\w+ Order' \(mrp\.production\).*docs\/connectors\/odoo\.md/,
    },
    {
      what: 'a right that is missing to what a stream reads beside its own rows',
      own: {},
      erp: { rights: { 'stock.move': 'none' } },
      code: 'stream-refused',
      text: /You are not allowed to access '\w+ \w+' \(stock\.move\).*docs\/connectors\/odoo\.md/,
    },
    {
      what: 'rows that a record rule hides',
      own: {},
      erp: { rights: { 'maintenance.equipment': 'hidden' } },
      code: 'stream-empty',
      text: /shows no rows/,
    },
    {
      what: 'an app that is not installed',
      own: {},
      erp: { absent: ['maintenance'] },
      code: 'app-missing',
      text: /no maintenance\.equipment: the app Maintenance is not installed/,
    },
    {
      what: 'a company that the account lacks',
      own: { allowedCompanyIds: [1, 3] },
      code: 'stream-refused',
      text: /unauthorized or invalid companies.*Check allowedCompanyIds/,
    },
    {
      what: 'a protocol that the release lacks',
      own: { protocol: 'json2' },
      erp: { version: 17 },
      code: 'property-missing',
      text: /older than 19/,
    },
    {
      what: 'a domain over a field that there is not',
      own: { streams: { 'work-centers': { domain: [['nope_field', '=', 1]] } } },
      code: 'stream-refused',
      text: /Invalid field mrp\.workcenter\.nope_field.*Check fields, when and domain/,
    },
    {
      what: 'a key that ends soon',
      own: {},
      erp: { keyDays: 9 },
      code: 'key-expires',
      text: /API key "erp-puller" ends at \d{4}-/,
    },
    {
      what: 'a name that no key of the account has',
      own: { auth: { name: 'erp-puler' } },
      code: 'key-unknown',
      text: /no API key named "erp-puler": it has 1/,
    },
    {
      what: 'a zone that is not that of the account',
      own: { timeZone: 'Asia/Tokyo' },
      code: 'zone-differs',
      text: /account lives in Europe\/Brussels, timeZone is Asia\/Tokyo/,
    },
    {
      what: 'a condition on a field that there is not',
      own: { streams: { 'sales-orders': { when: 'x_plant = "1"' } } },
      code: 'property-missing',
      text: /plant-1\/sales-orders: when reads x_plant, which sale\.order does not have/,
    },
    {
      what: 'an address nobody listens at',
      own: { url: 'http://127.0.0.1:9' },
      code: 'erp-unreachable',
      text: /ECONNREFUSED/,
    },
  ],
  async start(variant, { deletes, ...options } = {}) {
    const { rights = {}, ...erp } = variant as Variant;
    const odoo = await startOdoo({ seed: 11, records: 700, ...erp, ...options, physicalDeletes: deletes === true });
    for (const [model, right] of Object.entries(rights)) odoo.setRights(model, right);
    const { apiKey, password } = odoo.credentials;
    return {
      ...odoo,
      secrets: [apiKey, password, encodeURIComponent(password), 'canary'],
      settings: (own = {}) => odooSettings(odoo, own),
      playLate() {
        const late = /^manufacturing order (\d+) created (?:to stock|for sales order \d+) \(visible at (.*)\)/;
        const [, externalId = '', at = ''] = playUntil(odoo, late);
        return { externalId, visibleAt: new Date(at) };
      },
      playTie: () => Number(playUntil(odoo, /^import of (\d+) manufacturing orders$/)[1]),
      playFuture: () => void playUntil(odoo, / changed in 2999$/),
      playCancelled: () => playUntil(odoo, /^manufacturing order (\d+) cancelled$/)[1] ?? '',
      playDeleted: () => ['resources', playUntil(odoo, /^equipment (\d+) deleted$/)[1] ?? ''],
    };
  },
  async startLarge(rows) {
    const server = await serve(({ path, body }) => largeAnswer(path, body, rows), { random: createRandom(1) });
    const credentials = { database: 'odoo', username: 'reader', password: '', apiKey: 'key of a large Odoo' };
    return { settings: odooSettings({ url: server.url, credentials }, {}), stop: server.stop };
  },
};

function odooSettings({ url, credentials }: Pick<OdooSimulator, 'url' | 'credentials'>, own: object): object {
  const { database, username, password, apiKey } = credentials;
  const { auth: given, ...rest } = own as { auth?: string | { kind?: string } };
  const changes = typeof given === 'object' ? given : {};
  const byDefault =
    given === 'password' ? { kind: given, username, password } : { kind: 'apiKey', username, key: apiKey };
  const auth = changes.kind === undefined ? { ...byDefault, ...changes } : changes;
  return { type: 'odoo', url, database, externalSource: 'ODOO', ...fast, ...rest, auth };
}

const fieldsOf: Record<string, readonly string[]> = {
  'mrp.production': ['id', 'name', 'state', 'product_id', 'product_qty', 'origin', 'company_id', 'write_date'],
  'product.product': ['id', 'default_code', 'name'],
};

/** Orders made to stock, numbered from 1, of one product. */
function largeAnswer(path: string, body: string, rows: number): { status: number; body: string } {
  if (path === '/json/version') return { status: 200, body: JSON.stringify({ version: '19.0' }) };
  const [, , , model = '', method] = path.split('/');
  const fields = fieldsOf[model];
  if (fields === undefined) {
    const message = `the model '${model}' does not exist`;
    return { status: 404, body: JSON.stringify({ name: 'werkzeug.exceptions.NotFound', message }) };
  }
  if (method === 'fields_get') {
    return { status: 200, body: JSON.stringify(Object.fromEntries(fields.map((name) => [name, { type: 'char' }]))) };
  }
  if (model === 'product.product') {
    return { status: 200, body: JSON.stringify([{ id: 7, default_code: 'M-7', name: 'Frame' }]) };
  }
  const { domain, limit } = JSON.parse(body) as { domain: [string, string, number][]; limit: number };
  const behind = domain.find(([name, operator]) => name === 'id' && operator === '>')?.[2] ?? 0;
  const page = Array.from({ length: Math.min(limit, rows - behind) }, (_, index) => production(behind + index + 1));
  return { status: 200, body: JSON.stringify(page) };
}

function production(id: number): object {
  return {
    id,
    name: `WH/MO/${id}`,
    state: 'confirmed',
    product_id: [7, '[M-7] Frame'],
    product_qty: 3.0,
    origin: false,
    company_id: [1, 'My Company'],
    write_date: '2026-10-01 08:00:00',
  };
}

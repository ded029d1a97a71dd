import { type FreppleCredentials, type FreppleOptions, startFrepple } from '../../../sandbox/frepple/index.ts';
import { serve } from '../../../sandbox/http.ts';
import { createRandom } from '../../../sandbox/random.ts';
import { type Adapter, playUntil } from './adapter.ts';

const fast = { rate: { requestsPerSecond: 1000, burst: 1000 } };

export const freppleAdapter: Adapter = {
  type: 'frepple',
  stream: 'manufacturing-orders',
  table: 'parts',
  variants: {
    '9.17': { erp: {}, settings: {} },
    '9.12, in another zone': {
      erp: { version: '9.12', timeZone: 'America/Chicago' },
      settings: { timeZone: 'America/Chicago' },
    },
    'by API key': { erp: {}, settings: { auth: 'apiKey' } },
    'by web token': { erp: {}, settings: { auth: 'webToken' } },
  },
  bad: [
    {
      what: 'a wrong password',
      own: { auth: { kind: 'basic', username: 'mes_reader', password: 'canary-password' } },
      code: 'credentials-refused',
      text: /HTTP 401 \(Invalid username\/password\.\)\. Check auth/,
    },
    {
      what: 'a wrong API key',
      own: { auth: { kind: 'apiKey', key: 'canary-key' } },
      code: 'credentials-refused',
      text: /HTTP 403 \(Invalid API key: Key not found\)\. Check auth/,
    },
    {
      what: 'an account that is switched off',
      own: { auth: { kind: 'basic', username: 'former', password: 'former' } },
      code: 'credentials-refused',
      text: /HTTP 401 \(User inactive or deleted\.\)/,
    },
    {
      what: 'a missing permission',
      own: {},
      erp: { denied: ['demand'] },
      code: 'stream-refused',
      text: /HTTP 403 \(You do not have permission.*Grant the user the permission view_demand/,
    },
    {
      what: 'another missing permission',
      own: {},
      erp: { denied: ['operationresource'] },
      code: 'stream-refused',
      text: /Grant the user the permission view_operationresource/,
    },
    {
      what: 'cells that no resource is',
      own: { cells: { categories: ['nope'] } },
      code: 'property-missing',
      text: /cells: none of the \d+ resources that FrePPLe lists is a cell/,
    },
    {
      what: 'a wrong zone',
      own: { timeZone: 'America/Chicago' },
      code: 'zone-wrong',
      text: /FrePPLe's times are not those of America\/Chicago: what it stamped .* was not stamped at .*Z\./,
    },
    {
      what: 'a scenario that is not in use',
      own: { scenario: 'scenario1' },
      code: 'stream-refused',
      text: /scenario1\/api\/input\/resource\/ answered HTTP 404 \(Scenario not in use, or access is denied\)/,
    },
    {
      what: 'an address of something else',
      own: { url: '/elsewhere' },
      code: 'stream-refused',
      text: /elsewhere\/api\/input\/resource\/ was redirected to \/: there is no such address/,
    },
    {
      what: 'a condition on what no row has',
      own: { streams: { demands: { when: 'Status = "open"' } } },
      code: 'mapping-doubtful',
      text: /when reads Status, which none of \d+ rows has/,
    },
    {
      what: 'an address nobody listens at',
      own: { url: 'http://127.0.0.1:9' },
      code: 'erp-unreachable',
      text: /ECONNREFUSED/,
    },
  ],
  async start(variant, options) {
    const erp = await startFrepple({ seed: 14, records: 700, ...(variant as Partial<FreppleOptions>), ...options });
    const { username, password, apiKey, webtoken, webtokenKey } = erp.credentials;
    /** Nobody reads anything during a plan run: it is over before a reader comes. */
    const finishPlan = () => {
      while (erp.isPlanning()) erp.advance(30_000);
    };
    const play = (events: number) => {
      const lines = erp.play(events);
      finishPlan();
      return lines;
    };
    return {
      ...erp,
      requests: erp.requests,
      play,
      advance(ms) {
        erp.advance(ms);
        finishPlan();
      },
      secrets: [
        password,
        encodeURIComponent(password),
        Buffer.from(`${username}:${password}`).toString('base64'),
        apiKey,
        webtoken,
        webtokenKey,
        'canary',
      ],
      settings: (own = {}) => freppleSettings(erp.url, erp.credentials, own),
      playLate() {
        const [, externalId = '', at = ''] = playUntil(erp, /^operationplan (MO-\d+) created \(visible at (.*)\)/);
        finishPlan();
        return { externalId, visibleAt: new Date(at) };
      },
      playTie: () => Number(playUntil({ play }, /and (\d+) more imported$/)[1]),
      playFuture: () => undefined,
      playCancelled: () => playUntil({ play }, /^operationplan (\S+) back to proposed$/)[1] ?? '',
      playDeleted: () => ['parts', playUntil({ play }, /^operationplan (MO-\d+) deleted$/)[1] ?? ''],
    };
  },
  async startLarge(rows) {
    const server = await serve(
      ({ path }) => {
        const headers = { 'content-type': 'application/json' };
        if (path.startsWith('/execute')) return { status: 200, headers, body: '{}' };
        if (!path.includes('manufacturingorder')) return { status: 200, headers, body: '[]' };
        const orders = Array.from({ length: rows }, (_, index) => order(index + 1));
        return { status: 200, headers, body: `[${orders.join(',')}]` };
      },
      { random: createRandom(1) },
    );
    const auth = { kind: 'basic', username: 'mes_reader', password: 'canary' };
    return { settings: { ...freppleSettings(server.url, undefined, {}), auth }, stop: server.stop };
  },
};

function freppleSettings(url: string, credentials: FreppleCredentials | undefined, own: object): object {
  const { username = '', password = '', apiKey = '', webtokenKey = '' } = credentials ?? {};
  const auths: Record<string, object> = {
    basic: { kind: 'basic', username, password },
    apiKey: { kind: 'apiKey', key: apiKey },
    webToken: { kind: 'webToken', username, secret: webtokenKey },
  };
  const { auth = 'basic', url: place = '', ...rest } = own as { auth?: string | object; url?: string };
  return {
    type: 'frepple',
    url: place.startsWith('http') ? place : url + place,
    auth: typeof auth === 'string' ? auths[auth] : auth,
    externalSource: 'FREPPLE',
    timeZone: 'Europe/Brussels',
    ...fast,
    ...rest,
  };
}

function order(number: number): string {
  return JSON.stringify({
    reference: `MO-${number}`,
    status: 'approved',
    operation: null,
    quantity: '40.00000000',
    startdate: '2026-11-20T22:05:00',
    enddate: '2026-11-23T21:20:00',
    plan: { pegging: { [`SO-${number}`]: 40 } },
    owner: null,
    lastmodified: '2026-11-20T23:14:35.638812',
    resources: [{ resource: 'saw', quantity: '1.00000000', setup: null }],
    materials: [],
  });
}

import {
  type Answer,
  type Asked,
  dayMs,
  firstDay,
  indexFrom,
  json,
  off,
  pageSize,
  rate,
  refusal,
  type Source,
} from './source.ts';

/** Demands of FrePPLe: one list, whatever its length, each row with all its properties. */
export const frepple: Source = {
  externalSource: 'FREPPLE',
  settings: (origin) => ({
    type: 'frepple',
    url: origin,
    timeZone: 'UTC',
    auth: { kind: 'basic', username: 'bench', password: 'benchmark' },
    rate,
    maxResponseMegabytes: 512,
    streams: {
      resources: off,
      // By itself it would read whole lists as soon as twenty times as long has passed as the last one took.
      demands: { pageSize, fullReadEverySeconds: 86_400 },
      'manufacturing-orders': off,
      'work-orders': off,
    },
  }),
  prepare,
};

const firstDemand = 1_000_000;
const prefix = 'SO-';

/** One row: 21 properties, about 480 bytes of JSON. */
function rowAt(index: number): object {
  const number = firstDemand + index;
  return {
    name: prefix + number,
    description: null,
    category: null,
    subcategory: null,
    item: `FG${100 + (index % 500)}`,
    customer: `Customer ${index % 5000}`,
    location: 'factory',
    due: naive(firstDay + ((index + 30) % 360) * dayMs + 28_800_000),
    status: index % 4 === 0 ? 'quote' : 'open',
    operation: null,
    quantity: `${1 + (index % 250)}.00000000`,
    priority: 1 + (index % 20),
    batch: null,
    delay: '00:00:00',
    plannedquantity: `${1 + (index % 250)}.00000000`,
    deliverydate: naive(firstDay + ((index + 29) % 360) * dayMs),
    plan: { pegging: [{ opplan: `DO-${number}`, quantity: 1 + (index % 250) }] },
    minshipment: null,
    maxlateness: null,
    owner: `ORDER-${Math.floor(number / 2)}`,
    policy: 'independent',
  };
}

function naive(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19);
}

function prepare(records: number) {
  const rows = Array.from({ length: records }, (_, index) => JSON.stringify(rowAt(index)));
  const list = Buffer.from(`[${rows.join(',')}]`);
  const nothing = Buffer.from('[]');
  return {
    pageBytes: Math.round((list.length / records) * pageSize),
    indexOf: (name: string) => (name.startsWith(prefix) ? indexFrom(firstDemand, name.slice(prefix.length)) : -1),
    answer({ url: { pathname, search } }: Asked): Answer {
      // What is under way is asked for without ids, once a poll.
      if (pathname === '/execute/api/status/') return json({}, search === '' ? 'nothing' : undefined);
      if (pathname === '/api/input/demand/') return json(list, 'page');
      const isKnown = /^\/api\/input\/(resource|operation|workorder)\/$/.test(pathname);
      return isKnown ? json(nothing) : refusal(`unknown path ${pathname}`);
    },
  };
}

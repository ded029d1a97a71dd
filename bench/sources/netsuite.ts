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
  serialisePages,
} from './source.ts';

/** Sales orders by SuiteQL, and with each page the customers that it names. Every value is a text. */
export const netsuite: Source = {
  externalSource: 'NETSUITE',
  settings: (origin) => ({
    type: 'netsuite',
    baseUrl: origin,
    accountId: '1234567',
    auth: {
      kind: 'tba',
      consumerKey: 'a key',
      consumerSecret: 'a secret',
      tokenId: 'a token',
      tokenSecret: 'a secret',
    },
    rate,
    streams: {
      'work-centers': off,
      'sales-orders': { pageSize },
      'work-orders': off,
      'operation-tasks': off,
    },
  }),
  prepare,
};

const firstOrder = 1_000_000;
/** All of them turn up in each page. */
const customers = 500;

/** One row, about 190 bytes of JSON. */
function rowAt(index: number): object {
  return {
    links: [],
    id: String(firstOrder + index),
    tranid: `SO-${firstOrder + index}`,
    status: index % 4 === 0 ? 'SalesOrd:G' : 'SalesOrd:B',
    entity: String(1 + (index % customers)),
    shipdate: new Date(firstDay + ((index + 30) % 360) * dayMs).toISOString().slice(0, 10),
    lastmodified: suiteTime(firstDay + (index % 8_000_000) * 1000),
  };
}

function customerAt(index: number): object {
  const id = String(1 + index);
  const customermodified = suiteTime(firstDay);
  return { links: [], lookupkey: id, companyname: `Customer ${id}`, entityid: `CUST${id}`, customermodified };
}

function suiteTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

function resultOf(items: object[], { offset = 0, total = items.length } = {}): object {
  const links = [{ rel: 'self', href: 'https://1234567.suitetalk.api.netsuite.com/services/rest/query/v1/suiteql' }];
  const hasMore = offset + items.length < total;
  return { links, count: items.length, hasMore, items, offset: 0, totalResults: total - offset };
}

function prepare(records: number) {
  const pages = serialisePages(records, rowAt, (rows, offset) => resultOf(rows, { offset, total: records }));
  const names = Buffer.from(
    JSON.stringify(resultOf(Array.from({ length: customers }, (_, index) => customerAt(index)))),
  );
  const nothing = Buffer.from(JSON.stringify(resultOf([])));

  function answerRows(sql: string, limit: string | null): Answer {
    if (sql.includes('TO_TIMESTAMP')) return json(nothing, 'nothing');
    const [, after] =
      /^SELECT .* FROM transaction t WHERE t\.type = 'SalesOrd'(?: AND t\.id > (\d+))? ORDER BY t\.id ASC$/.exec(
        sql,
      ) ?? [sql];
    if (after === sql || limit !== String(pageSize)) return refusal(`not understood: ${sql}`);
    return json(pages[after === undefined ? 0 : (Number(after) - firstOrder + 1) / pageSize] ?? nothing, 'page');
  }

  return {
    pageBytes: pages[0]?.length ?? 0,
    indexOf: (id: string) => indexFrom(firstOrder, id),
    answer({ url: { pathname, searchParams }, body }: Asked): Answer {
      if (pathname !== '/services/rest/query/v1/suiteql') return refusal(`unknown path ${pathname}`);
      const { q: sql } = JSON.parse(body) as { q: string };
      if (sql.endsWith(' FROM DUAL')) return json(resultOf([{ links: [], now: suiteTime(Date.now()) }]));
      if (sql.includes('COUNT(*)')) return json(resultOf([{ links: [], total: String(records) }]));
      if (sql.includes(' FROM customer l ')) return json(names);
      if (sql.includes(' FROM DeletedRecord l ')) return json(nothing);
      return answerRows(sql, searchParams.get('limit'));
    },
  };
}

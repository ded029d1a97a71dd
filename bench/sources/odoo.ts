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

/** Sales orders of Odoo 19 by JSON-2: it sends the fields that were asked for, and no others. */
export const odoo: Source = {
  externalSource: 'ODOO',
  settings: (origin) => ({
    type: 'odoo',
    url: origin,
    database: 'bench',
    auth: { kind: 'apiKey', username: 'bench', key: 'benchmark' },
    rate,
    streams: {
      'work-centers': off,
      equipment: off,
      'sales-orders': { pageSize },
      'manufacturing-orders': off,
      'work-orders': off,
    },
  }),
  prepare,
};

/** What the product's mapping reads, as the product asks for it. */
const fields = ['id', 'name', 'state', 'partner_id', 'commitment_date', 'locked', 'write_date'];

const firstOrder = 100_000;

/** One row, about 190 bytes of JSON. */
function rowAt(index: number): object {
  return {
    id: firstOrder + index,
    name: `S${firstOrder + index}`,
    state: 'sale',
    partner_id: [10 + (index % 5000), `Customer ${index % 5000}`],
    commitment_date: index % 10 === 9 ? false : odooTime(firstDay + ((index + 30) % 360) * dayMs + 28_800_000),
    locked: index % 4 === 0,
    write_date: odooTime(firstDay + (index % 8_000_000) * 1000),
  };
}

function odooTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

const nothing = Buffer.from('[]');

function prepare(records: number) {
  const pages = serialisePages(records, rowAt, (rows) => rows);
  const described = Object.fromEntries(fields.map((name) => [name, { type: name === 'locked' ? 'boolean' : 'char' }]));

  function answerRows(body: string): Answer {
    const asked = JSON.parse(body) as { domain: [string, string, number][]; fields: string[]; limit?: number };
    if ([...new Set(asked.fields)].join() !== fields.join()) {
      return refusal(`bench/sources/odoo.ts prepares ${fields}, asked was ${asked.fields}`);
    }
    if (asked.domain.some(([name]) => name === 'write_date')) return json(nothing, 'nothing');
    const [condition, ...others] = asked.domain;
    if (condition?.[0] !== 'id' || others.length > 0 || asked.limit !== pageSize)
      return refusal(`not understood: ${body}`);
    const [, , after] = condition;
    return json(pages[after === 0 ? 0 : (after - firstOrder + 1) / pageSize] ?? nothing, 'page');
  }

  return {
    pageBytes: pages[0]?.length ?? 0,
    indexOf: (id: string) => indexFrom(firstOrder, id),
    answer({ url: { pathname }, body }: Asked): Answer {
      if (pathname === '/json/version') return json({ version: '19.0', version_info: [19, 0, 0, 'final', 0, ''] });
      if (pathname === '/json/2/res.company/search_read') return json([{ id: 1 }]);
      if (pathname === '/json/2/res.users.apikeys/fields_get') return json({});
      if (pathname === '/json/2/sale.order/fields_get') return json(described);
      if (pathname === '/json/2/sale.order/search_count') return json(Buffer.from(String(records)));
      return pathname === '/json/2/sale.order/search_read' ? answerRows(body) : refusal(`unknown path ${pathname}`);
    },
  };
}

import http from 'node:http';

/**
 * The least that can do the job: fetch a page, map the fields that the product sends, post them, with the post under way while
 * the next page is fetched and parsed. No validation, no state, no retries. Run as `node floor.js <source> <origin> [<select>]`.
 */

interface Job {
  external_id: string;
  external_source: string;
  job_number: string;
  customer: string;
  due_date: string | null;
}

/** One ERP: its pages as they come, and what is made of them. */
interface Feed<Row> {
  /** The page behind this row; empty when there is none. */
  fetch(last: Row | undefined): Promise<string>;
  rows(page: string): Row[] | Promise<Row[]>;
  toJob(row: Row): Job;
}

const [, , source = '', origin = '', select = ''] = process.argv;
const agent = new http.Agent({ keepAlive: true });

function request(url: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    const sent = http.request(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if (answer.statusCode === 200) resolve(text);
        else reject(new Error(`HTTP ${answer.statusCode}: ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

let newest = '';

/** The newest stamp is what the next poll would begin with. */
function note(stamp: string): void {
  if (stamp > newest) newest = stamp;
}

interface SapRow {
  SalesOrder: string;
  LastChangeDateTime: string;
  SoldToParty: string;
  RequestedDeliveryDate: string;
}

function fromSap(): Feed<SapRow> {
  const set = `${origin}/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder`;
  const toTime = (text: string) => new Date(Number.parseInt(text.slice(6), 10)).toISOString();
  return {
    fetch(last) {
      const filter = last === undefined ? '' : `$filter=SalesOrder%20gt%20'${last.SalesOrder}'&`;
      return request(`${set}?${filter}$orderby=SalesOrder&$top=1000${select === '' ? '' : `&$select=${select}`}`);
    },
    rows: (page) => (JSON.parse(page) as { d: { results: SapRow[] } }).d.results,
    toJob(row) {
      note(toTime(row.LastChangeDateTime));
      return {
        external_id: row.SalesOrder,
        external_source: 'SAP',
        job_number: row.SalesOrder,
        customer: row.SoldToParty.replace(/^0+/, ''),
        due_date: toTime(row.RequestedDeliveryDate),
      };
    },
  };
}

interface OdooRow {
  id: number;
  name: string;
  partner_id: [number, string];
  commitment_date: string | false;
  write_date: string;
}

function fromOdoo(): Feed<OdooRow> {
  const fields = ['id', 'name', 'state', 'partner_id', 'commitment_date', 'locked', 'write_date'];
  const toTime = (text: string) => new Date(`${text.replace(' ', 'T')}Z`).toISOString();
  return {
    fetch(last) {
      const query = { domain: [['id', '>', last?.id ?? 0]], fields, order: 'id', limit: 1000 };
      return request(`${origin}/json/2/sale.order/search_read`, JSON.stringify(query));
    },
    rows: (page) => JSON.parse(page) as OdooRow[],
    toJob(row) {
      note(toTime(row.write_date));
      return {
        external_id: String(row.id),
        external_source: 'ODOO',
        job_number: row.name,
        customer: row.partner_id[1],
        due_date: row.commitment_date === false ? null : toTime(row.commitment_date),
      };
    },
  };
}

interface NetSuiteRow {
  id: string;
  tranid: string;
  entity: string;
  shipdate: string;
  lastmodified: string;
  customer?: string;
}

function fromNetSuite(): Feed<NetSuiteRow> {
  const path = `${origin}/services/rest/query/v1/suiteql?limit=1000&offset=0`;
  const query = (q: string) => request(path, JSON.stringify({ q }));
  const itemsOf = <Row>(page: string) => (JSON.parse(page) as { items: Row[] }).items;
  const utc = (column: string) => `TO_CHAR(SYS_EXTRACT_UTC(${column}), 'YYYY-MM-DD HH24:MI:SS')`;
  const columns = `t.id AS id, t.tranid AS tranid, BUILTIN.CF(t.status) AS status, t.entity AS entity, TO_CHAR(t.shipdate, 'YYYY-MM-DD') AS shipdate, ${utc('t.lastmodifieddate')} AS lastmodified`;
  return {
    fetch(last) {
      const behind = last === undefined ? '' : ` AND t.id > ${last.id}`;
      return query(`SELECT ${columns} FROM transaction t WHERE t.type = 'SalesOrd'${behind} ORDER BY t.id ASC`);
    },
    async rows(page) {
      const rows = itemsOf<NetSuiteRow>(page);
      if (rows.length === 0) return rows;
      const ids = [...new Set(rows.map(({ entity }) => entity))].join(', ');
      const names = `SELECT l.id AS lookupkey, l.companyname AS companyname FROM customer l WHERE l.id IN (${ids}) ORDER BY l.id ASC`;
      const found = itemsOf<{ lookupkey: string; companyname: string }>(await query(names));
      const customers = new Map(found.map(({ lookupkey, companyname }) => [lookupkey, companyname]));
      for (const row of rows) row.customer = customers.get(row.entity) ?? '';
      return rows;
    },
    toJob(row) {
      note(row.lastmodified);
      return {
        external_id: row.id,
        external_source: 'NETSUITE',
        job_number: row.tranid,
        customer: row.customer ?? '',
        due_date: new Date(row.shipdate).toISOString(),
      };
    },
  };
}

interface FreppleRow {
  name: string;
  customer: string;
  due: string;
}

function fromFrepple(): Feed<FreppleRow> {
  return {
    fetch: async (last) => (last === undefined ? request(`${origin}/api/input/demand/?format=json`) : '[]'),
    rows: (page) => JSON.parse(page) as FreppleRow[],
    toJob: (row) => ({
      external_id: row.name,
      external_source: 'FREPPLE',
      job_number: row.name,
      customer: row.customer,
      due_date: new Date(`${row.due}Z`).toISOString(),
    }),
  };
}

/** Whoever delivers to this endpoint must at least see whether all of it arrived. */
async function post(jobs: readonly object[]): Promise<void> {
  const answer = await request(`${origin}/functions/v1/api-jobs/bulk-sync`, JSON.stringify({ jobs }));
  const { data } = JSON.parse(answer) as { data: { total: number; errors: number } };
  if (data.errors !== 0 || data.total !== jobs.length) throw new Error(`Not all arrived: ${answer.slice(0, 200)}`);
}

async function run<Row>({ fetch, rows, toJob }: Feed<Row>): Promise<number> {
  let read = 0;
  let next = fetch(undefined);
  let posted: Promise<void> = Promise.resolve();
  for (;;) {
    const page = await rows(await next);
    const last = page.at(-1);
    if (last === undefined) break;
    next = fetch(last);
    read += page.length;
    for (let at = 0; at < page.length; at += 1000) {
      const jobs = page.slice(at, at + 1000).map(toJob);
      await posted;
      posted = post(jobs);
    }
  }
  await posted;
  return read;
}

const feeds = { sap: fromSap, odoo: fromOdoo, netsuite: fromNetSuite, frepple: fromFrepple };
const started = performance.now();
const read = await run(feeds[source as keyof typeof feeds]() as Feed<unknown>);
agent.destroy();
process.stdout.write(JSON.stringify({ read, durationMs: performance.now() - started, newest }));

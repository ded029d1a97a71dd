import http from 'node:http';

/**
 * The least that can do the job: fetch a page, map the fields that the product sends, post them, with the post under way while
 * the next page is fetched and parsed. No validation, no state, no retries. Run as `node floor.js <origin> <select>`.
 */

interface Row {
  SalesOrder: string;
  LastChangeDateTime: string;
  SoldToParty: string;
  RequestedDeliveryDate: string;
}

const [, , origin = '', select = ''] = process.argv;
const agent = new http.Agent({ keepAlive: true });
const set = `${origin}/sap/opu/odata/sap/API_SALES_ORDER_SRV/A_SalesOrder`;

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

function fetchPage(after: string | undefined): Promise<string> {
  const filter = after === undefined ? '' : `$filter=SalesOrder%20gt%20'${after}'&`;
  return request(`${set}?${filter}$orderby=SalesOrder&$top=1000${select === '' ? '' : `&$select=${select}`}`);
}

function toTime(text: string): string {
  return new Date(Number.parseInt(text.slice(6), 10)).toISOString();
}

let newest = '';

function toJob(row: Row): Record<string, string> {
  const changed = toTime(row.LastChangeDateTime);
  if (changed > newest) newest = changed;
  return {
    external_id: row.SalesOrder,
    external_source: 'SAP',
    job_number: row.SalesOrder,
    customer: row.SoldToParty.replace(/^0+/, ''),
    due_date: toTime(row.RequestedDeliveryDate),
  };
}

/** Whoever delivers to this endpoint must at least see whether all of it arrived. */
async function post(jobs: readonly object[]): Promise<void> {
  const answer = await request(`${origin}/functions/v1/api-jobs/bulk-sync`, JSON.stringify({ jobs }));
  const { data } = JSON.parse(answer) as { data: { total: number; errors: number } };
  if (data.errors !== 0 || data.total !== jobs.length) throw new Error(`Not all arrived: ${answer.slice(0, 200)}`);
}

const started = performance.now();
let read = 0;
let next = fetchPage(undefined);
let posted: Promise<void> = Promise.resolve();
for (;;) {
  const rows = (JSON.parse(await next) as { d: { results: Row[] } }).d.results;
  const last = rows.at(-1);
  if (last === undefined) break;
  next = fetchPage(last.SalesOrder);
  read += rows.length;
  const jobs = rows.map(toJob);
  await posted;
  posted = post(jobs);
}
await posted;
agent.destroy();
process.stdout.write(JSON.stringify({ read, durationMs: performance.now() - started, newest }));

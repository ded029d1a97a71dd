import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { entitySet, indexOf, metadata, pageSize, selected, serialisePages, servicePath } from './rows.ts';

/**
 * ERP and MES of the benchmark, in a process of their own. Pages are made before anything is measured; the sink reads every
 * body, counts distinct records and answers each by name. Steered by messages from the runner.
 */

/** What the server has seen since the last reset. */
export interface Seen {
  pages: number;
  /** Polls for changes; all are answered with none. */
  idle: number;
  posts: number;
  distinct: number;
  /** Bytes of all posted bodies: equal for all who send the same. */
  bodyBytes: number;
  cpuSeconds: number;
}

export type Command = { kind: 'prepare'; records: number; rows: 'selected' | 'whole' } | { kind: 'take' };
export type Reply =
  | { kind: 'listening'; port: number }
  | { kind: 'prepared'; bytes: number }
  | { kind: 'taken'; seen: Seen };

const nothing = Buffer.from('{"d":{"results":[]}}');
const edmx = Buffer.from(metadata());
let pages: Buffer[] = [];
let expected: string | undefined;
let held = new Uint8Array(0);
let seen: Seen = nothingSeen();
let cpuBefore = process.cpuUsage();

function nothingSeen(): Seen {
  return { pages: 0, idle: 0, posts: 0, distinct: 0, bodyBytes: 0, cpuSeconds: 0 };
}

interface Answer {
  status: 200 | 400;
  type: string;
  body: Buffer;
}

function json(body: Buffer): Answer {
  return { status: 200, type: 'application/json;charset=utf-8', body };
}

/** Only for what the benchmark did not foresee: the run then fails with this text. */
function refusal(text: string): Answer {
  const body = Buffer.from(JSON.stringify({ error: { code: 'BENCH', message: { value: text } } }));
  return { status: 400, type: 'application/json', body };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}

function answerQuery(query: URLSearchParams): Answer {
  const filter = query.get('$filter') ?? '';
  if (expected !== undefined && query.get('$select') !== expected) {
    return refusal(`bench/rows.ts prepares $select=${expected}, asked was ${query.get('$select')}`);
  }
  if (filter.includes('LastChangeDateTime ge')) {
    seen.idle += 1;
    return json(nothing);
  }
  if (query.get('$top') !== String(pageSize)) return refusal(`$top is not ${pageSize}`);
  const after = /^SalesOrder gt '(\d+)'$/.exec(filter)?.[1];
  if (filter !== '' && after === undefined) return refusal(`not understood: ${filter}`);
  seen.pages += 1;
  return json(pages[after === undefined ? 0 : (indexOf(after) + 1) / pageSize] ?? nothing);
}

function answerErp({ pathname, searchParams }: URL): Answer {
  const set = `${servicePath}/${entitySet}`;
  if (pathname === `${servicePath}/$metadata`) return { status: 200, type: 'application/xml', body: edmx };
  if (pathname === `${set}/$count`) return { status: 200, type: 'text/plain', body: Buffer.from(String(held.length)) };
  return pathname === set ? answerQuery(searchParams) : refusal(`unknown path ${pathname}`);
}

function deliver(body: Buffer): Buffer {
  const { jobs } = JSON.parse(body.toString()) as { jobs: { external_id: string }[] };
  let created = 0;
  const results = jobs.map(({ external_id: id }) => {
    const index = indexOf(id);
    const known = held[index] === 1;
    if (!known && index >= 0) {
      held[index] = 1;
      created += 1;
    }
    return `{"external_id":"${id}","id":"3f2b8c1e-0000-4000-8000-00${id}","action":"${known ? 'updated' : 'created'}"}`;
  });
  // An empty one only asks what this MES can do; once a day.
  if (jobs.length > 0) {
    seen.posts += 1;
    seen.distinct += created;
    seen.bodyBytes += body.length;
  }
  const counts = `"total":${jobs.length},"created":${created},"updated":${jobs.length - created},"errors":0`;
  return Buffer.from(`{"success":true,"data":{${counts},"results":[${results.join(',')}]}}`);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://bench.invalid');
  if (request.method === 'GET') {
    send(response, answerErp(url));
    return;
  }
  const known = url.pathname === '/functions/v1/api-jobs/bulk-sync';
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () =>
    send(response, known ? json(deliver(Buffer.concat(chunks))) : refusal(`unknown path ${url.pathname}`)),
  );
}

function prepare(records: number, rows: 'selected' | 'whole'): Reply {
  const names = rows === 'selected' ? selected : undefined;
  pages = [];
  pages = serialisePages(records, names);
  expected = names?.join(',');
  held = new Uint8Array(records);
  return { kind: 'prepared', bytes: pages[0]?.length ?? 0 };
}

function take(): Reply {
  const { user, system } = process.cpuUsage(cpuBefore);
  const taken: Seen = { ...seen, cpuSeconds: (user + system) / 1e6 };
  cpuBefore = process.cpuUsage();
  seen = nothingSeen();
  held.fill(0);
  return { kind: 'taken', seen: taken };
}

function tell(reply: Reply): void {
  process.send?.(reply);
}

process.on('message', (command: Command) =>
  tell(command.kind === 'prepare' ? prepare(command.records, command.rows) : take()),
);
process.on('disconnect', () => process.exit(0));
const server = createServer(answer);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));

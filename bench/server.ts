import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type SourceName, sources } from './sources/index.ts';
import { type Answer, json, type Prepared, type Rows, refusal } from './sources/source.ts';

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

export interface Load {
  source: SourceName;
  records: number;
  rows: Rows;
}

export type Command = ({ kind: 'prepare' } & Load) | { kind: 'take' };
export type Reply =
  | { kind: 'listening'; port: number }
  | { kind: 'prepared'; bytes: number }
  | { kind: 'taken'; seen: Seen };

let erp: Prepared | undefined;
let held = new Uint8Array(0);
let seen: Seen = nothingSeen();
let cpuBefore = process.cpuUsage();

function nothingSeen(): Seen {
  return { pages: 0, idle: 0, posts: 0, distinct: 0, bodyBytes: 0, cpuSeconds: 0 };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length });
  response.end(body);
}

function answerErp(url: URL, body: string): Answer {
  const answered = erp?.answer({ url, body }) ?? refusal('nothing is prepared');
  if (answered.read === 'page') seen.pages += 1;
  if (answered.read === 'nothing') seen.idle += 1;
  return answered;
}

function deliver(body: Buffer): Buffer {
  const { jobs } = JSON.parse(body.toString()) as { jobs: { external_id: string }[] };
  let created = 0;
  const results = jobs.map(({ external_id: id }) => {
    const index = erp?.indexOf(id) ?? -1;
    const known = held[index] === 1;
    if (!known && index >= 0) {
      held[index] = 1;
      created += 1;
    }
    const mesId = `3f2b8c1e-0000-4000-8000-${String(index).padStart(12, '0')}`;
    return `{"external_id":"${id}","id":"${mesId}","action":"${known ? 'updated' : 'created'}"}`;
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
    send(response, answerErp(url, ''));
    return;
  }
  const isMes = url.pathname === '/functions/v1/api-jobs/bulk-sync';
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks);
    send(response, isMes ? json(deliver(body)) : answerErp(url, body.toString()));
  });
}

function prepare({ source, records, rows }: Load): Reply {
  erp = undefined;
  erp = sources[source].prepare(records, rows);
  held = new Uint8Array(records);
  return { kind: 'prepared', bytes: erp.pageBytes };
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

process.on('message', (command: Command) => tell(command.kind === 'prepare' ? prepare(command) : take()));
process.on('disconnect', () => process.exit(0));
const server = createServer(answer);
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => tell({ kind: 'listening', port: (server.address() as AddressInfo).port }));

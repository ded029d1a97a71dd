import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { drawFault, type Fault } from './faults.ts';
import type { Random } from './random.ts';
import { type Outgoing, sendBroken, sendTrickle } from './slow-answer.ts';
import type { Answer, Faults, Simulator } from './types.ts';

/**
 * One request as a simulator sees it. `path` is percent-decoded (left as it came when the escapes are malformed);
 * `query` is what follows the `?`, still percent-encoded, because `+`, `%2B` and the order of options matter to ERPs.
 */
export interface Exchange {
  method: string;
  path: string;
  query: string;
  headers: IncomingHttpHeaders;
  body: string;
}

/** The behaviour of a simulator. A handler that throws is a fault of the simulator and is answered 500 with its text. */
export type Handler = (exchange: Exchange) => Answer | Promise<Answer>;

interface ServeOptions {
  /** Decides about faults; the same seed and the same order of requests give the same faults. */
  random: Random;
  /** The clock behind the `Date` header, for servers whose time is simulated; without it the machine's clock. */
  dateHeader?: () => Date;
  /** 0, the default, takes a free one. */
  port?: number;
}

interface State {
  readonly handler: Handler;
  readonly options: ServeOptions;
  readonly byPath: Map<string, number>;
  total: number;
  faults: Faults;
}

/** Bodies up to this size are sent as they are: compressing them saves nothing, and proxies do the same. */
const gzipFromBytes = 1024;
/** Longer than any client pools an idle socket, so that a reset always is an injected one. */
const keepAliveMs = 120_000;

const compress = promisify(gzip);

/**
 * Starts a real HTTP server on an ephemeral loopback port: clients are to meet sockets, not mocks. Answers of more than
 * 1 KB are compressed for a client that accepts gzip, and the faults of `setFaults` are injected.
 */
export async function serve(handler: Handler, options: ServeOptions): Promise<Simulator> {
  const state: State = { handler, options, byPath: new Map(), total: 0, faults: {} };
  const server = createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    // A client that goes away in the middle is one of the things the sandbox is for, not an error of its own.
    response.on('error', () => response.destroy());
    exchange(state, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: urlOf(server),
    requests: () => ({ total: state.total, byPath: Object.fromEntries(state.byPath) }),
    setFaults(faults) {
      state.faults = { ...faults };
    },
    stop: () => close(server),
  };
}

async function exchange(state: State, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const received = await receive(request);
  const key = `${received.method} ${received.path}`;
  state.total += 1;
  state.byPath.set(key, (state.byPath.get(key) ?? 0) + 1);
  const fault = drawFault(state.faults, state.options.random);
  if (fault.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, fault.delayMs));
  if (fault.kind === 'reset' && !fault.late) return void request.socket.resetAndDestroy();
  const answer = fault.instead ?? (await answerOf(state.handler, received));
  await deliver(fault, request, { response, answer: withHeaders(state, fault.afterwards ?? answer) });
}

/** The handler has run and taken effect (unless the fault came before it); what the client gets to see is up to the fault. */
async function deliver(fault: Fault, request: IncomingMessage, outgoing: Outgoing): Promise<void> {
  if (fault.kind === 'reset') return sendBroken(outgoing);
  if (fault.kind === 'trickle') return sendTrickle(outgoing, fault.endless);
  if (fault.kind !== 'truncate') return send(request, outgoing);
  const { body } = outgoing.answer;
  const half = body.slice(0, Math.floor(body.length / 2));
  await send(request, { ...outgoing, answer: { ...outgoing.answer, status: 200, body: half } });
}

async function answerOf(handler: Handler, received: Exchange): Promise<Answer> {
  try {
    return await handler(received);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { status: 500, headers: { 'content-type': 'text/plain' }, body: `The simulator failed: ${text}` };
  }
}

function withHeaders(state: State, answer: Answer): Outgoing['answer'] {
  const date = state.options.dateHeader?.();
  const headers = {
    'content-type': 'application/json',
    ...(date === undefined ? {} : { date: date.toUTCString() }),
    ...answer.headers,
  };
  return { ...answer, headers };
}

async function send(request: IncomingMessage, { response, answer }: Outgoing): Promise<void> {
  const headers = { ...answer.headers };
  let body: Buffer = Buffer.from(answer.body);
  if (body.length > gzipFromBytes && acceptsGzip(request.headers)) {
    // Level 1: the bytes saved do not matter on loopback, the processor time does.
    body = await compress(body, { level: 1 });
    headers['content-encoding'] = 'gzip';
  }
  const empty = answer.status === 204 || answer.status === 304;
  response.writeHead(answer.status, empty ? headers : { ...headers, 'content-length': String(body.length) });
  response.end(empty ? undefined : body);
}

function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(headers['accept-encoding'] ?? ''));
}

async function receive(request: IncomingMessage): Promise<Exchange> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  return {
    method: request.method ?? 'GET',
    path: decode(mark < 0 ? target : target.slice(0, mark)),
    query: mark < 0 ? '' : target.slice(mark + 1),
    headers: request.headers,
    body: Buffer.concat(chunks).toString('utf8'),
  };
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function urlOf(server: Server): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The simulator has no port.');
  return `http://127.0.0.1:${address.port}`;
}

/** Ends at once: an open keep-alive socket or an endless answer must not hold up a test or a SIGTERM. */
function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

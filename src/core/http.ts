import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { gunzipSync } from 'node:zlib';
import axios, { AxiosHeaders, type AxiosRequestConfig, type AxiosResponse } from 'axios';
import type { Clock } from './clock.ts';
import { linkLocalCode, lookupBeyondLink } from './egress.ts';
import { messageOf, PermanentError, TransientError } from './errors.ts';
import type { EventBus } from './events.ts';
import { type BodyReader, createBodyReader, passBody, TooLargeError } from './http-body.ts';
import type { Redactor } from './redact.ts';

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Path and query on the client's origin, percent-encoded: nothing is ever sent anywhere else. */
  path: string;
  headers?: Record<string, string>;
  body?: string;
  /**
   * Called when an answer with status 200 begins; what it returns takes the unpacked body piece by piece, and the answer has no
   * text. For bodies too large to be held. A client may pass it by and give the text.
   */
  receive?: () => (piece: Buffer) => void;
}

export interface HttpResponse {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  text: string;
}

export interface HttpClient {
  /** Any status but a redirect is an answer; throws TransientError when there was none, PermanentError when trying again is no use. */
  request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  close(): void;
}

/** The network behind a port: a simulation brings requests to its systems without sockets. */
export type OpenHttp = (options: HttpOptions) => HttpClient;

export interface TlsOptions {
  /** PEM texts. */
  ca?: string;
  cert?: string;
  key?: string;
}

export interface HttpOptions {
  /** Scheme, host and port, e.g. `https://s4.example.com`. */
  origin: string;
  system: 'erp' | 'mes';
  /** Who is asking, for events and error texts. */
  name: string;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  tls?: TlsOptions | undefined;
  /** URL of a forward proxy; the environment's proxy variables are never used. */
  proxy?: string | undefined;
  /** A request with its whole answer takes no longer than this. */
  deadlineMs: number;
  /** An answer larger than this, packed or unpacked, is refused. */
  maxBytes: number;
  clock: Clock;
  events: EventBus;
  /** Applied to the text of every error answer: a server may echo what it was sent. */
  redact?: Redactor;
}

/**
 * One HTTP client an origin, over keep-alive connections.
 *
 * axios is used for the transport only. Measured on 1.21: its own time-out does not end a body that trickles, its streaming inflate
 * costs 1.7 times the wall time of one gunzip, its default accepts a 300 MB gzip bomb, and a redirect to another host takes API key
 * headers along. Hence a deadline of our own, a bounded one-shot gunzip, size caps, and no redirects. Its adapter is called itself:
 * an instance merges its defaults anew for each request, which takes nearly as long as the request.
 */
export function createHttpClient(options: HttpOptions): HttpClient {
  const agents = createAgents(options);
  const defaults: AxiosRequestConfig = {
    baseURL: options.origin,
    allowAbsoluteUrls: false,
    ...agents,
    // With false, axios goes round an agent that has a proxy; without it, an agent that has one keeps the environment's out.
    ...(options.proxy === undefined ? { proxy: false } : {}),
    maxRedirects: 0,
    decompress: false,
    responseType: 'stream',
    maxBodyLength: options.maxBytes,
    validateStatus: () => true,
  };
  const headers = { Accept: '*/*', 'Accept-Encoding': 'gzip', 'User-Agent': 'erp-puller', ...options.headers };
  const readBody = createBodyReader(options.maxBytes);
  return {
    request: (request, signal) => send({ defaults, headers, readBody, options, request, signal }),
    close() {
      agents.httpAgent.destroy();
      agents.httpsAgent.destroy();
    },
  };
}

const transport = axios.getAdapter('http');

interface Sending {
  defaults: AxiosRequestConfig;
  headers: Readonly<Record<string, string>>;
  readBody: BodyReader;
  options: HttpOptions;
  request: HttpRequest;
  signal: AbortSignal;
}

async function send(sending: Sending): Promise<HttpResponse> {
  const { defaults, headers, readBody, options, request, signal } = sending;
  signal.throwIfAborted();
  const startedMs = options.clock.monotonicMs();
  const deadline = startDeadline(options, signal);
  let status = 0;
  try {
    const response: AxiosResponse<IncomingMessage> = await transport({
      ...defaults,
      method: request.method,
      url: request.path,
      signal: deadline.signal,
      data: request.body,
      headers: AxiosHeaders.concat(headers, request.headers),
    });
    const answer = await readAnswer(response, { readBody, maxBytes: options.maxBytes, receive: request.receive });
    status = answer.status;
    const { redact } = options;
    const safe = redact === undefined || status < 400 ? answer : { ...answer, text: redact(answer.text) };
    return refuseRedirect(safe, options);
  } catch (error) {
    signal.throwIfAborted();
    throw classify(error, { options, request, expired: deadline.signal.aborted });
  } finally {
    deadline.end();
    const durationMs = options.clock.monotonicMs() - startedMs;
    options.events.emit('request:done', { system: options.system, name: options.name, status, durationMs });
  }
}

/** AbortSignal.any would keep a listener on the long-lived signal for each request; this one takes its own off again. */
function startDeadline(options: HttpOptions, signal: AbortSignal): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancelTimer = options.clock.after(options.deadlineMs, abort);
  signal.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    end() {
      cancelTimer();
      signal.removeEventListener('abort', abort);
    },
  };
}

interface AnswerReading {
  readBody: BodyReader;
  maxBytes: number;
  receive: HttpRequest['receive'] | undefined;
}

async function readAnswer(
  { status, headers: named, data }: AxiosResponse<IncomingMessage>,
  { readBody, maxBytes, receive }: AnswerReading,
): Promise<HttpResponse> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(named)) headers[name.toLowerCase()] = String(value);
  const packed = headers['content-encoding'] === 'gzip';
  if (receive !== undefined && status === 200) {
    await passBody(data, { packed, maxBytes }, receive());
    return { status, headers, text: '' };
  }
  const text = await readBody(data, Number(headers['content-length'] ?? 0), (body) => {
    const plain = packed && body.length > 0 ? gunzipSync(body, { maxOutputLength: maxBytes }) : body;
    return plain.toString('utf8');
  });
  return { status, headers, text };
}

function refuseRedirect(answer: HttpResponse, options: HttpOptions): HttpResponse {
  if (answer.status < 300 || answer.status > 399) return answer;
  throw new PermanentError(
    `${options.name}: ${options.origin} answered with a redirect (HTTP ${answer.status}). ` +
      'Redirects are not followed, so that credentials stay where they belong: configure the final URL.',
    { redirect: answer.headers['location'] ?? '' },
  );
}

/** What to do about an answer that is too large: true of every ERP, with pages or without, and of every request to the MES. */
const tooLargeAdvice = {
  erp: 'Raise maxResponseMegabytes; where this ERP is read by pages, a smaller pageSize helps as well.',
  mes:
    'See that mes.url is the address of Eryxon. If it is: lists are asked for in smaller pages by themselves, so that one record is too large, ' +
    'and has to be shortened in the MES; after a POST use a smaller mes.batchSize.',
};

interface Failure {
  options: HttpOptions;
  request: HttpRequest;
  expired: boolean;
}

function classify(error: unknown, { options, request, expired }: Failure): Error {
  if (error instanceof PermanentError) return error;
  // Not the error itself: axios hangs the whole request on it, credentials and all.
  const cause = new Error(`${codeOf(error) ?? 'error'}: ${messageOf(error)}`);
  const what = `${options.name}: ${request.method} ${options.origin}${withoutQuery(request.path)}`;
  if (expired) {
    return new TransientError(`${what} did not finish within ${options.deadlineMs / 1000} s.`, {
      cause,
      expired: true,
    });
  }
  const text = messageOf(error);
  if (error instanceof TooLargeError || codeOf(error) === 'ERR_BUFFER_TOO_LARGE') {
    return new PermanentError(
      `${what} answered with more than ${options.maxBytes} bytes. ${tooLargeAdvice[options.system]}`,
      { cause, tooLarge: true },
    );
  }
  if (codeOf(error) === linkLocalCode) {
    return new PermanentError(
      `${what} was not sent: the name stands for a link-local address, where clouds keep credentials. Correct the URL.`,
      { cause },
    );
  }
  const unsent = unsentCodes.has(codeOf(error) ?? '');
  return new TransientError(`${what} failed: ${codeOf(error) ?? text}.`, { cause, unsent });
}

/** No connection, or one whose certificate is refused before anything is sent. */
const unsentCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'INVALID_CA',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : undefined;
}

function withoutQuery(path: string): string {
  return path.split('?', 1)[0] ?? path;
}

function createAgents(options: HttpOptions): { httpAgent: http.Agent; httpsAgent: https.Agent } {
  const { proxy } = options;
  const proxyEnv = proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy, HTTPS_PROXY: proxy } };
  const common = { keepAlive: true, maxSockets: 16, lookup: lookupBeyondLink, ...proxyEnv };
  return {
    httpAgent: new http.Agent(common),
    // Named explicitly so that no environment variable can switch the check of certificates off.
    httpsAgent: new https.Agent({ ...common, ...options.tls, rejectUnauthorized: true }),
  };
}

/** An HTTP date or an ISO time: the platform reads a time into almost anything, "1,5" is the fifth of January 2001. */
const isTime = /^\s*((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .*|\d{4}-\d\d-\d\dT.*)$/;

/** Waits the other side may ask for are taken seriously up to a day. */
const longestWaitMs = 86_400_000;

/** Reads Retry-After (seconds or HTTP date) or X-RateLimit-Reset (ISO time); undefined when absent or not understood. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | undefined {
  const asked = headers['retry-after'];
  if (asked !== undefined && /^\d+(\.\d+)?$/.test(asked.trim())) return clampWait(Number(asked) * 1000);
  for (const text of [asked, headers['x-ratelimit-reset']]) {
    const at = text !== undefined && isTime.test(text) ? Date.parse(text) : Number.NaN;
    if (!Number.isNaN(at)) return clampWait(at - now.getTime());
  }
  return undefined;
}

function clampWait(ms: number): number {
  return Math.min(Math.max(ms, 0), longestWaitMs);
}

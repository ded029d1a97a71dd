import type { HttpRequest, HttpResponse } from '../../../core/http.ts';
import { retryAfterMs } from '../../../core/http.ts';
import { classifyFailure, classifyStatus, databaseUnknown } from './errors.ts';

/** One call of a method that belongs to a model, not to some of its records; all arguments by name, as JSON-2 has no others. */
export interface OdooCall {
  model: string;
  method: 'search_read' | 'search_count' | 'fields_get' | 'context_get';
  named: Readonly<Record<string, unknown>>;
}

export interface OdooAccount {
  database: string;
  username: string;
  /** API key or password. */
  secret: string;
}

/** Reading of an answer. */
export interface AnswerReading {
  /** Connector, model and method, for error texts. */
  what: string;
  /** This machine's time. */
  now: Date;
  /** A server may echo what it was sent: never shown. */
  secret: string;
}

const json = { 'Content-Type': 'application/json', Accept: 'application/json' };

/** `POST /json/2/<model>/<method>`: since 19, with an API key. */
export function json2Request({ database, secret }: OdooAccount, { model, method, named }: OdooCall): HttpRequest {
  return {
    method: 'POST',
    path: `/json/2/${model}/${method}`,
    headers: { ...json, Authorization: `bearer ${secret}`, 'X-Odoo-Database': database },
    body: JSON.stringify(named),
  };
}

/** The bare value, or a real HTTP status with what went wrong. */
export function readJson2(answer: HttpResponse, { what, now, secret }: AnswerReading): unknown {
  const asked = { status: answer.status, retryAfterMs: retryAfterMs(answer.headers, now) };
  const body = parseJson(answer.text);
  if (body === undefined) throw answer.status === 404 ? databaseUnknown(what) : classifyStatus(what, asked);
  if (answer.status === 200) return body;
  const { name, message } = (body ?? {}) as { name?: unknown; message?: unknown };
  if (typeof name !== 'string') throw classifyStatus(what, asked);
  throw classifyFailure(what, { name, message: hide(String(message ?? ''), secret), ...asked });
}

/** `POST /jsonrpc`, object service: every release up to 21. */
export function jsonRpcRequest(
  { database, secret }: OdooAccount,
  uid: number,
  { model, method, named }: OdooCall,
): HttpRequest {
  const { domain, ...rest } = named;
  // By its place: before 16 `search_count` called it otherwise.
  const positional = domain === undefined ? [] : [domain];
  return rpcRequest('object', 'execute_kw', [database, uid, secret, model, method, positional, rest]);
}

/** The user's number, or false. */
export function loginRequest({ database, username, secret }: OdooAccount): HttpRequest {
  return rpcRequest('common', 'authenticate', [database, username, secret, {}]);
}

export function versionRequest(): HttpRequest {
  return rpcRequest('common', 'version', []);
}

function rpcRequest(service: string, method: string, args: unknown[]): HttpRequest {
  const envelope = { jsonrpc: '2.0', method: 'call', id: 1, params: { service, method, args } };
  return { method: 'POST', path: '/jsonrpc', headers: json, body: JSON.stringify(envelope) };
}

/** What stands under `result`. Without it and without `error` the method returned nothing, which is no failure. */
export function readJsonRpc(answer: HttpResponse, { what, now, secret }: AnswerReading): unknown {
  const asked = { status: answer.status, retryAfterMs: retryAfterMs(answer.headers, now) };
  const body = parseJson(answer.text);
  if (typeof body !== 'object' || body === null || !('jsonrpc' in body)) throw classifyStatus(what, asked);
  const { result, error } = body as { result?: unknown; error?: { data?: unknown; message?: unknown } };
  if (error === undefined) return result;
  const { name, message } = (error.data ?? {}) as { name?: unknown; message?: unknown };
  throw classifyFailure(what, {
    name: String(name ?? 'unknown'),
    message: hide(String(message ?? error.message ?? ''), secret),
    ...asked,
  });
}

function hide(text: string, secret: string): string {
  return text.replaceAll(secret, '[redacted]');
}

/** undefined for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

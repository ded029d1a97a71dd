import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import type { Database, Row } from './database.ts';
import {
  badQuery,
  errorAnswer,
  invalidLogin,
  maintenance,
  NetSuiteError,
  requestLimitExceeded,
  searchError,
  tooManyRequests,
} from './errors.ts';
import type { Certificate, Grants } from './grants.ts';
import { codeOf, displayOf, type Language } from './names.ts';
import { collectionOf, type KeyCase, pageOf } from './paging.ts';
import type { Table } from './schema.ts';
import type { SignatureCheck, TokenPair } from './signature.ts';
import { execute } from './sql/execute.ts';
import type { Target } from './sql/target.ts';

/** The ways in which NetSuite says that it cannot just now: by status, as a RESTlet, as if the login were wrong, … */
export type Trouble = 'tooMany' | 'restlet' | 'login' | 'unexpected' | 'maintenance';

/** Preferences of the user that the token belongs to. */
export interface User {
  timeZone: string;
  /** As NetSuite writes it, e.g. `DD/MM/YYYY`. */
  dateFormat: string;
  language: Language;
}

/** What one account knows. */
export interface Server {
  database: Database;
  tables: ReadonlyMap<string, Table>;
  /** Names of tables that the role may not see, and `suiteql` when it may not query at all. */
  denied: ReadonlySet<string>;
  /** False for rows that a restriction of the role hides; absent without restrictions. */
  shows?: ((table: string, row: Row) => boolean) | undefined;
  /** `1234567_SB1`. */
  realm: string;
  /** `1234567-sb1.suitetalk.api.netsuite.com`. */
  host: string;
  tokens: TokenPair;
  signatures: SignatureCheck;
  clientId: string;
  certificate: Certificate;
  grants: Grants;
  tokenSeconds: number;
  user: User;
  /** Requests that may run at once, of all integrations together, and how many others run just now. */
  concurrency: number;
  occupied: number;
  /** How what is above that limit is told. */
  overload: Trouble;
  /** How the next queries end, whatever they ask. */
  troubles: Trouble[];
  /** Milliseconds that a query takes. */
  serviceMs: number;
  rowCap: number;
  keyCase: KeyCase;
  /** Counts queries. */
  turn: number;
  /** Milliseconds of the simulated clock. */
  now(): number;
  /** Milliseconds of the clock that signatures and tokens are checked by. */
  signingNow(): number;
  /** Counts an attempt to write. */
  wrote(): void;
}

const tokenPath = '/services/rest/auth/oauth2/v1/token';
const queryPath = '/services/rest/query/v1/suiteql';

/** Answers one request as NetSuite's REST services do. */
export async function answer(exchange: Exchange, server: Server): Promise<Answer> {
  if (exchange.path === tokenPath) return grantToken(exchange, server);
  const isQuery = exchange.path === queryPath && exchange.method === 'POST';
  if (!isQuery && !['GET', 'HEAD', 'OPTIONS'].includes(exchange.method)) server.wrote();
  try {
    return isQuery ? await inSlot(exchange, server) : elsewhere(exchange, server);
  } catch (error) {
    if (!(error instanceof NetSuiteError)) throw error;
    return errorAnswer(error);
  }
}

function grantToken({ method, headers, body }: Exchange, server: Server): Answer {
  const { clientId, certificate, tokenSeconds: lifetime } = server;
  const audiences = [`https://${server.host}${tokenPath}`, `${originOf(headers)}${tokenPath}`];
  const request = { method, type: headers['content-type'] ?? '', body };
  const now = server.signingNow();
  return server.grants.grant(request, { clientId, certificate, audiences, lifetime, now, clocks: clocksOf(server) });
}

/** A client signs by its own clock, or by the one that it sees in the Date header of every answer. */
function clocksOf({ now, signingNow }: Server): number[] {
  return [signingNow(), now()];
}

function originOf({ host }: Exchange['headers']): string {
  return `http://${host ?? ''}`;
}

/** One pool of slots serves all integrations; what finds none free is turned away before anybody looks at it. */
async function inSlot(exchange: Exchange, server: Server): Promise<Answer> {
  const trouble = server.troubles.shift();
  if (trouble !== undefined) return troubled(trouble);
  if (server.occupied >= server.concurrency) return troubled(server.overload);
  server.occupied += 1;
  try {
    await sleep(server.serviceMs);
    requireLogin(exchange, server);
    return query(exchange, server);
  } finally {
    server.occupied -= 1;
  }
}

function troubled(trouble: Trouble): Answer {
  if (trouble === 'restlet') return requestLimitExceeded;
  if (trouble === 'maintenance') return maintenance;
  if (trouble === 'login') throw invalidLogin();
  if (trouble === 'tooMany') throw tooManyRequests();
  const detail = `An unexpected error occurred. Error ID: ${randomUUID()}`;
  throw new NetSuiteError(500, 'UNEXPECTED_ERROR', { detail });
}

function requireLogin({ method, path, query: given, headers }: Exchange, server: Server): void {
  const header = headers.authorization ?? '';
  const [, bearer] = /^Bearer (\S+)$/i.exec(header) ?? [];
  const request = { method, base: `${originOf(headers)}${path}`, query: given };
  const { realm, tokens } = server;
  const accepted =
    bearer === undefined
      ? server.signatures.accepts(header, request, { realm, tokens, clocks: clocksOf(server) })
      : server.grants.isValid(bearer, server.signingNow());
  if (!accepted) throw invalidLogin();
}

/** Records, metadata and everything else that a reader of SuiteQL does not need. */
function elsewhere(exchange: Exchange, server: Server): Answer {
  requireLogin(exchange, server);
  if (exchange.path === queryPath) {
    throw new NetSuiteError(405, 'METHOD_NOT_ALLOWED', { detail: `Method ${exchange.method} is not allowed here.` });
  }
  const detail = `Not simulated: ${exchange.method} ${exchange.path}.`;
  throw new NetSuiteError(404, 'NONEXISTENT_ID', { detail, place: { 'o:errorUrlPath': exchange.path } });
}

function query(exchange: Exchange, server: Server): Answer {
  requireTransient(exchange);
  if (server.denied.has('suiteql')) {
    const detail = 'Permission Violation: You need the SuiteAnalytics Workbook permission to access this page.';
    throw new NetSuiteError(403, 'INSUFFICIENT_PERMISSION', { detail });
  }
  const page = pageOf(exchange.query);
  const statement = statementOf(exchange);
  if (/^\s*(insert|update|delete|merge|create|drop|alter)\b/i.test(statement)) server.wrote();
  server.turn += 1;
  const target = targetOf(server);
  const { columns, rows } = execute({ sql: statement, wanted: page.offset + page.limit }, target);
  const { rowCap, keyCase } = server;
  const address = `${originOf(exchange.headers)}${queryPath}`;
  const body = collectionOf({ columns, rows, page, session: target.session, keyCase, rowCap, address });
  const headers = {
    'content-type': 'application/vnd.oracle.resource+json; type=collection; charset=UTF-8',
    'x-n-operationid': randomUUID(),
  };
  return { status: 200, headers, body: JSON.stringify(body) };
}

function requireTransient({ headers }: Exchange): void {
  const preferences = String(headers['prefer'] ?? '').split(/[,;]\s*/);
  if (preferences.includes('transient')) return;
  const detail = 'The required request header Prefer is missing or is not "transient".';
  throw new NetSuiteError(400, 'INVALID_HEADER', { detail, place: { 'o:errorHeader': 'Prefer' } });
}

function statementOf({ headers, body }: Exchange): string {
  if (!/^application\/json\b/i.test(headers['content-type'] ?? '')) {
    const detail = 'The Content-Type of the request must be application/json.';
    throw new NetSuiteError(400, 'INVALID_HEADER', { detail, place: { 'o:errorHeader': 'Content-Type' } });
  }
  let parsed: { q?: unknown } | null;
  try {
    parsed = JSON.parse(body) as { q?: unknown } | null;
  } catch {
    throw new NetSuiteError(400, 'INVALID_CONTENT', { detail: 'Invalid content in the request body.' });
  }
  const others = Object.keys(parsed ?? {}).filter((name) => name !== 'q');
  if (others.length > 0) throw badQuery(`Unknown property: ${others[0]}.`);
  if (typeof parsed?.q !== 'string') throw badQuery('The property q is missing.');
  return parsed.q;
}

function targetOf(server: Server): Target {
  const { database, user, turn } = server;
  const names = { database, language: user.language };
  return {
    database,
    turn,
    shows: server.shows,
    session: { now: server.now(), zone: user.timeZone, dateFormat: user.dateFormat },
    table(name) {
      const table = server.tables.get(name);
      if (table === undefined) throw badQuery(`Invalid search type: ${name}.`);
      if (server.denied.has(name)) throw searchError(`Record '${name}' was not found.`);
      return table;
    },
    display: (column, row) => displayOf({ column, row, value: row[column.name] ?? null }, names),
    code: (column, row) => codeOf(column, row, row[column.name] ?? null),
  };
}

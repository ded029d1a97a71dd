import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import type { Database } from './database.ts';
import { edmx } from './edmx.ts';
import { GatewayError } from './errors.ts';
import { type EntitySet, type Service, services } from './metadata.ts';
import type { Row } from './model.ts';
import { countRows, readPage } from './query.ts';
import { collectionAtom, collectionJson, entityJson, type View } from './render.ts';
import { keyFilter, type Options, parseQuery, readOptions, writeToken } from './request.ts';
import type { Table } from './table.ts';
import { escapeXml } from './xml.ts';

/** Who may read, and how the gateway pages. */
export interface GatewaySettings {
  credentials: { username: string; password: string; client: string };
  /** Only this protocol answers (and V2 where there is no V4 service); without it all do. */
  protocol?: 'v2' | 'v4';
  /** Pages of this many rows at most, with next links to an internal host, as behind a reverse proxy. */
  serverPageSize?: number;
  /** What the user is authorised to see; the rest is left out of every list without a word. */
  shows?: (row: Row) => boolean;
}

/** Next links point here when `serverPageSize` is set: a name that only SAP's own network can resolve. */
const internalOrigin = 'http://internal.s4.local:8000';
/** RAP services send this many rows when the client names no `$top`, and never more than the second. */
const pageWithoutTop = 100;
const largestPage = 5000;
/** Web Dispatcher's usual limit of a request line. */
const longestUrl = 8192;

const xml = { 'content-type': 'application/xml;charset=utf-8' };
const html = { 'content-type': 'text/html; charset=utf-8' };

/** Answers one request the way SAP Gateway does; `Request` carries what the helpers share. */
export function answer(exchange: Exchange, database: Database, settings: GatewaySettings): Answer {
  if (exchange.path.length + exchange.query.length > longestUrl) {
    return { status: 414, headers: html, body: '<html><body><h1>Request-URI Too Long</h1></body></html>' };
  }
  let service: Service | undefined;
  try {
    const query = parseQuery(exchange.query);
    const refusal = logon(exchange, query, settings.credentials);
    if (refusal !== undefined) return refusal;
    service = findService(exchange.path, settings.protocol);
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
      throw new GatewayError(405, 'SY/530', `Method ${exchange.method} is not allowed`);
    }
    return dispatch({ exchange, database, settings, service, query });
  } catch (error) {
    if (error instanceof GatewayError) return refuse(error, exchange, service);
    throw error;
  }
}

/** One request on its way to the answer. */
interface Request {
  exchange: Exchange;
  database: Database;
  settings: GatewaySettings;
  service: Service;
  query: Map<string, string>;
}

function logon(
  exchange: Exchange,
  query: Map<string, string>,
  { username, password, client }: GatewaySettings['credentials'],
): Answer | undefined {
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  if (exchange.headers.authorization !== expected) {
    const headers = { ...html, 'www-authenticate': `Basic realm="SAP NetWeaver Application Server [S4H/${client}]"` };
    return {
      status: 401,
      headers,
      body: '<html><head><title>Logon Error Message</title></head><body>Unauthorized</body></html>',
    };
  }
  if ((query.get('sap-client') ?? exchange.headers['sap-client']) === client) return undefined;
  return {
    status: 200,
    headers: html,
    body: '<html><head><title>Logon</title></head><body><form name="loginForm"><input name="sap-user"/></form></body></html>',
  };
}

function findService(path: string, protocol: GatewaySettings['protocol']): Service {
  const plain = path.replace(/;v=\d+/, '');
  const found = services.find((service) => plain === service.path || plain.startsWith(`${service.path}/`));
  const hasTwin = (service: Service): boolean =>
    services.some((other) => other.protocol === 'v4' && other.sets[0]?.table === service.sets[0]?.table);
  const off =
    found?.protocol === 'v4' ? protocol === 'v2' : found?.protocol === 'v2' && protocol === 'v4' && hasTwin(found);
  if (found === undefined || off) {
    const name = plain.split('/')[5] ?? plain;
    throw new GatewayError(404, '/IWFND/MED/170', `No service found for namespace '', name '${name}', version '0001'`);
  }
  return found;
}

function dispatch(request: Request): Answer {
  const { exchange, service } = request;
  const rest = exchange.path
    .replace(/;v=\d+/, '')
    .slice(service.path.length)
    .replace(/^\//, '');
  if (rest === '') return serviceDocument(service);
  if (rest === '$metadata') return { status: 200, headers: xml, body: edmx(service) };
  const [, name, predicate, count] = /^(\w+)(?:\((.*)\))?(\/\$count)?$/.exec(rest) ?? [];
  const set = service.sets.find((candidate) => candidate.name === name);
  if (set === undefined) {
    throw new GatewayError(404, '/IWBEP/CM_MGW_RT/020', `Resource not found for segment '${rest}'`);
  }
  if (predicate !== undefined) return oneEntity(request, set, predicate);
  const options = readOptions(request.query, set, service);
  if (count !== undefined) {
    const total = countRows(request.database.table(set.table), { ...options, ...authorised(request) });
    return { status: 200, headers: { 'content-type': 'text/plain;charset=utf-8' }, body: String(total) };
  }
  return collection(request, set, options);
}

function serviceDocument(service: Service): Answer {
  const names = service.sets.map(({ name }) => name);
  const value = names.map((name) => ({ name, kind: 'EntitySet', url: name }));
  return answerJson(service, JSON.stringify(service.protocol === 'v4' ? { value } : { d: { EntitySets: names } }));
}

function oneEntity(request: Request, set: EntitySet, predicate: string): Answer {
  const { database, service, query } = request;
  const where = keyFilter(predicate, set, service);
  const [row] = readPage(database.table(set.table), {
    where,
    order: [],
    skip: 0,
    limit: 1,
    ...authorised(request),
  }).rows;
  if (row === undefined) throw new GatewayError(404, '/IWBEP/CM_MGW_RT/020', 'Resource not found');
  return answerJson(service, entityJson(row, viewOf(request, set, readOptions(query, set, service))));
}

function collection(request: Request, set: EntitySet, options: Options): Answer {
  const { database, service } = request;
  const table = database.table(set.table);
  const limit = pageLimit(request, options);
  const wanted = {
    ...options,
    ...authorised(request),
    limit: Math.min(options.top ?? Number.POSITIVE_INFINITY, limit),
  };
  const page = readPage(table, wanted);
  const last = page.rows.at(-1);
  const asked = options.top === undefined || options.top > page.rows.length;
  const next =
    page.more && asked && last !== undefined
      ? nextLink(request, options, { table, last, set, sent: page.rows.length })
      : undefined;
  const total = options.count ? countRows(table, { ...options, ...authorised(request) }) : undefined;
  const answered = {
    rows: page.rows,
    ...(total === undefined ? {} : { count: total }),
    ...(next === undefined ? {} : { next }),
  };
  const view = viewOf(request, set, options);
  if (wantsJson(request.exchange, options.format, service)) return answerJson(service, collectionJson(answered, view));
  const headers = { 'content-type': 'application/atom+xml;type=feed;charset=utf-8', dataserviceversion: '2.0' };
  return { status: 200, headers, body: collectionAtom(answered, view) };
}

function authorised({ settings: { shows } }: Request): Pick<GatewaySettings, 'shows'> {
  return shows === undefined ? {} : { shows };
}

function pageLimit({ service, settings }: Request, options: Options): number {
  // Old custom services know no server paging: whoever asks for everything gets everything.
  if (service.protocol === 'v1') return Number.POSITIVE_INFINITY;
  const usual = options.top === undefined ? pageWithoutTop : largestPage;
  return Math.min(usual, settings.serverPageSize ?? usual);
}

function nextLink(
  { exchange, service, settings }: Request,
  options: Options,
  page: { table: Table<Row>; last: Row; set: EntitySet; sent: number },
): string {
  const kept = exchange.query.split('&').filter((pair) => !/^(\$|%24)(skip|top|skiptoken)=/i.test(pair));
  if (options.top !== undefined) kept.push(`$top=${options.top - page.sent}`);
  kept.push(`$skiptoken=${writeToken(page.table, options.order, page.last)}`);
  const query = kept.filter((pair) => pair !== '').join('&');
  if (settings.serverPageSize !== undefined) return `${internalOrigin}${service.path}/${page.set.name}?${query}`;
  if (service.protocol === 'v4') return `${page.set.name}?${query}`;
  return `${originOf(exchange)}${service.path}/${page.set.name}?${query}`;
}

function viewOf({ exchange, service }: Request, set: EntitySet, options: Options): View {
  const ieee754 = /IEEE754Compatible=true/i.test(exchange.headers.accept ?? '');
  return { service, set, select: options.select, origin: originOf(exchange), ieee754 };
}

function originOf(exchange: Exchange): string {
  return `http://${exchange.headers.host ?? 'localhost'}`;
}

function wantsJson(exchange: Exchange, format: string | undefined, service: Service | undefined): boolean {
  return format === 'json' || service?.protocol === 'v4' || /application\/json/i.test(exchange.headers.accept ?? '');
}

function answerJson(service: Service, body: string): Answer {
  if (service.protocol !== 'v4') {
    return {
      status: 200,
      headers: { 'content-type': 'application/json;charset=utf-8', dataserviceversion: '2.0' },
      body,
    };
  }
  const type = 'application/json;odata.metadata=minimal;charset=utf-8';
  return { status: 200, headers: { 'content-type': type, 'odata-version': '4.0' }, body };
}

/** Errors follow the protocol of the service; one for which no service was found comes as XML, whatever was asked. */
function refuse(error: GatewayError, exchange: Exchange, service: Service | undefined): Answer {
  const { status, code, message } = error;
  if (service?.protocol === 'v4') {
    const body = JSON.stringify({ error: { code, message, '@Common.numericSeverity': 4, details: [] } });
    return { ...answerJson(service, body), status };
  }
  const format = /(?:^|&)(?:\$|%24)format=json/.test(exchange.query) ? 'json' : undefined;
  if (service !== undefined && wantsJson(exchange, format, service)) {
    const details = [{ code, message, propertyref: '', severity: 'error', target: '' }];
    const innererror = { transactionid: '5F0A3C2E9D1B0040E00615A4', errordetails: details };
    const body = JSON.stringify({ error: { code, message: { lang: 'en', value: message }, innererror } });
    return { ...answerJson(service, body), status };
  }
  const body = `<?xml version="1.0" encoding="utf-8"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><code>${escapeXml(code)}</code><message xml:lang="en">${escapeXml(message)}</message></error>`;
  return { status, headers: xml, body };
}

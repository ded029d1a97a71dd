import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import { type Account, keyIsValid, openSession } from './access.ts';
import type { Database } from './database.ts';
import {
  accessDenied,
  errorData,
  missingError,
  OdooError,
  typeError,
  type Version,
  valueError,
  WerkzeugError,
  werkzeugError,
} from './errors.ts';
import type { Model } from './fields.ts';
import { findMethod, run } from './methods.ts';
import { dumps, type Json } from './python.ts';

/** What one server knows. */
export interface Server {
  database: Database;
  /** Name of its only database. */
  name: string;
  version: Version;
  accounts: readonly Account[];
  now(): number;
  /** Counts an attempt to write. */
  wrote(): void;
  /** Names of the exceptions that the next calls end with, whatever they ask. */
  failures: string[];
}

const json = { 'content-type': 'application/json; charset=utf-8' };
const html = { 'content-type': 'text/html; charset=utf-8' };

/** Answers one request the way the HTTP layer of Odoo does. */
export function answer(exchange: Exchange, server: Server): Answer {
  const { path } = exchange;
  if (path === '/jsonrpc') return jsonRpc(exchange, server);
  const versions = path === '/json/version' || path === '/web/version';
  if (server.version === 17 || !(versions || path.startsWith('/json/2'))) return notFound();
  if (versions && exchange.method === 'GET') return { status: 200, headers: json, body: dumps(version19) };
  return json2(exchange, server);
}

const version19 = { version_info: [19, 0, 0, 'final', 0, ''], version: '19.0' };

/** As a server answers that holds a single database; what follows a wrong path is a page of the website. */
function notFound(): Answer {
  const body =
    '<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n';
  return { status: 404, headers: html, body };
}

const noDatabase = `<!DOCTYPE html>
<title>404 Not Found</title>
<h1>Not Found</h1>
<p>No database is selected and the requested URL was not found in the server-wide controllers.</p>
<p>Please verify the hostname, <a href=/web/login>login</a> and try again.</p>

<!-- Alternatively, use the X-Odoo-Database header. -->
`;

function isJson(exchange: Exchange): boolean {
  return /^application\/json\b/i.test(exchange.headers['content-type'] ?? '');
}

function wrongType(route: string, type: string, version: Version): Answer {
  const [status, title] = version === 17 ? [400, 'Bad Request'] : [415, 'Unsupported Media Type'];
  const advice = version === 17 ? '' : '<br><br>Please verify the Content-Type request header and try again.';
  const sentence = `Request inferred type is compatible with [&#39;http&#39;] but &#39;${route}&#39; is type=&#39;${type}&#39;.${advice}`;
  const body = `<!doctype html>\n<html lang=en>\n<title>${status} ${title}</title>\n<h1>${title}</h1>\n<p>${sentence}</p>\n`;
  return { status: Number(status), headers: html, body };
}

/** Only a body that is no call at all gets an HTTP status; everything else is 200. */
function jsonRpc(exchange: Exchange, server: Server): Answer {
  const { version } = server;
  if (!isJson(exchange)) return wrongType('/jsonrpc', version === 17 ? 'json' : 'jsonrpc', version);
  let request: unknown;
  try {
    request = JSON.parse(exchange.body);
  } catch {
    return { status: 400, headers: html, body: 'Invalid JSON data' };
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return { status: 400, headers: html, body: 'Invalid JSON-RPC data' };
  }
  const { id = null, params = {} } = request as { id?: Json; params?: Params };
  const envelope = { jsonrpc: '2.0', id };
  try {
    return { status: 200, headers: json, body: dumps({ ...envelope, result: dispatch(params, server) }) };
  } catch (error) {
    if (!(error instanceof OdooError)) throw error;
    const code = version === 17 ? 200 : 0;
    const refused = { code, message: 'Odoo Server Error', data: errorData(error, version) };
    return { status: 200, headers: json, body: dumps({ ...envelope, error: refused }) };
  }
}

interface Params {
  service?: string;
  method?: string;
  args?: unknown[];
}

function dispatch({ service, method, args = [] }: Params, server: Server): Json {
  if (service === 'common' && method === 'version') {
    const { version } = server;
    const serie = `${version}.0`;
    const server_version_info = [version, 0, 0, 'final', 0, ''];
    return { server_version: serie, server_version_info, server_serie: serie, protocol_version: 1 };
  }
  if (service === 'common' && (method === 'authenticate' || method === 'login')) return authenticate(args, server);
  if (service === 'object' && (method === 'execute_kw' || method === 'execute')) return execute(args, server);
  throw new OdooError('builtins.KeyError', `'${service}'`, { status: 500 });
}

/** The uid, or false; never an error. */
function authenticate([database, login, secret]: unknown[], server: Server): Json {
  requireDatabase(database, server);
  const account = server.accounts.find((candidate) => candidate.login === login);
  return account !== undefined && opens(account, secret, server) ? account.id : false;
}

function requireDatabase(name: unknown, server: Server): void {
  if (name === server.name) return;
  const message = `connection to server at "127.0.0.1", port 5469 failed: FATAL:  database "${String(name)}" does not exist\n`;
  throw new OdooError('psycopg2.OperationalError', message, { status: 500 });
}

/** A password or a valid key opens JSON-RPC. */
function opens({ password, keys }: Account, secret: unknown, { now }: Server): boolean {
  if (typeof secret !== 'string' || secret === '') return false;
  return secret === password || keys.some((key) => key.secret === secret && keyIsValid(key, now()));
}

function execute(args: unknown[], server: Server): Json {
  if (args.length < 5) throw tooFew(args.length, server.version);
  const [database, uid, secret, modelName, method, positional = [], keywords = {}] = args;
  requireDatabase(database, server);
  const account = server.accounts.find(({ id }) => id === uid);
  if (account === undefined) throw missingError(`res.users(${uid},)`, Number(uid));
  if (!opens(account, secret, server)) throw accessDenied();
  const model = server.database.models.get(String(modelName));
  if (model === undefined) {
    throw new OdooError('odoo.exceptions.UserError', `Object ${String(modelName)} doesn't exist`, { status: 404 });
  }
  const { context, ...rest } = keywords as Record<string, unknown>;
  const call = bind({ model, method: String(method), positional: positional as unknown[], named: rest }, server);
  return invoke(call, { account, context }, server);
}

function tooFew(given: number, version: Version): Error {
  if (version === 19) return valueError(`not enough values to unpack (expected at least 5, got ${given})`);
  const missing = ["'db'", "'uid'", "'passwd'", "'obj'", "'method'", "'args'"].slice(given);
  const names = missing.length > 1 ? `${missing.slice(0, -1).join(', ')} and ${missing.at(-1)}` : String(missing[0]);
  return typeError(`execute_kw() missing ${missing.length} required positional arguments: ${names}`, 500);
}

interface Bound {
  model: Model;
  method: string;
  ids: readonly number[];
  named: Record<string, unknown>;
}

/** Gives positional arguments their names; the first one of a method of records are its ids. */
function bind(
  given: { model: Model; method: string; positional: unknown[]; named: Record<string, unknown> },
  { version }: Server,
): Bound {
  const { model, method, named } = given;
  const found = findMethod(model.name, method, version);
  const positional = [...given.positional];
  const records = found?.records ?? true;
  const known = found !== undefined;
  if (known && records && positional.length === 0) {
    throw new OdooError('builtins.IndexError', 'list index out of range', { status: 500 });
  }
  const ids = records ? listOf(positional.shift()) : [];
  const bound: Record<string, unknown> = {};
  for (const [index, name] of (found?.parameters ?? []).entries()) {
    if (index < positional.length) bound[name] = positional[index];
  }
  return { model, method, ids, named: { ...bound, ...named } };
}

function listOf(ids: unknown): number[] {
  if (typeof ids === 'number') return [ids];
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'number') : [];
}

const transientText = 'could not serialize access due to concurrent update\n';

function invoke(bound: Bound, { account, context }: { account: Account; context: unknown }, server: Server): Json {
  const { database, version, wrote, failures } = server;
  const failure = failures.shift();
  if (failure !== undefined) throw new OdooError(failure, transientText, { status: 500 });
  const session = openSession(account, context, { now: server.now(), version });
  return run({ ...bound, session, database, wrote });
}

/** JSON-2: the method in the path, a bare value or a real status in return. */
function json2(exchange: Exchange, server: Server): Answer {
  const [, modelName, method] = /^\/json\/2\/([^/]+)\/([^/]+)$/.exec(exchange.path) ?? [];
  const host = exchange.headers['x-odoo-database'];
  if (host !== undefined && host !== server.name) return { status: 404, headers: html, body: noDatabase };
  try {
    if (exchange.method !== 'POST' || modelName === undefined || method === undefined) {
      throw werkzeugError(404, 'Did you mean POST /json/2/<model>/<method>?');
    }
    if (!isJson(exchange)) return wrongType('/json/2/&lt;__model__&gt;/&lt;__method__&gt;', 'json2', 19);
    const account = bearer(exchange, server);
    const result = call2({ modelName, method, body: exchange.body }, account, server);
    return { status: 200, headers: json, body: dumps(result) };
  } catch (error) {
    if (!(error instanceof OdooError)) throw error;
    return { status: error.status, headers: json, body: dumps(errorData(error, 19)) };
  }
}

function bearer(exchange: Exchange, { accounts, now }: Server): Account {
  const [, secret] = /^bearer (.+)$/i.exec(exchange.headers.authorization ?? '') ?? [];
  if (secret === undefined) {
    throw werkzeugError(401, 'User not authenticated, use an API Key with a Bearer Authorization header.');
  }
  const account = accounts.find(({ keys }) => keys.some((key) => key.secret === secret && keyIsValid(key, now())));
  if (account === undefined) throw werkzeugError(401, 'Invalid apikey');
  return account;
}

function call2(
  { modelName, method, body }: { modelName: string; method: string; body: string },
  account: Account,
  server: Server,
): Json {
  const { ids, context, ...named } = parseBody(body);
  const model = server.database.models.get(modelName);
  if (model === undefined) throw werkzeugError(404, `the model '${modelName}' does not exist`);
  const found = findMethod(modelName, method, 19);
  if (ids !== undefined && found?.records === false) {
    throw werkzeugError(422, `cannot call ${modelName}.${method} with ids`);
  }
  try {
    return invoke({ model, method, ids: listOf(ids), named }, { account, context }, server);
  } catch (error) {
    if (!(error instanceof OdooError) || error instanceof WerkzeugError) throw error;
    if (error.name === 'builtins.AttributeError') throw werkzeugError(404, error.message);
    throw error;
  }
}

function parseBody(body: string): Record<string, unknown> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body === '' ? '{}' : body);
  } catch {
    // Python's words for the commonest mistake; others say it in other words.
    const detail = 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)';
    throw werkzeugError(400, `could not parse the body as json: ${detail}`);
  }
  return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
}

import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import { type Access, type Action, authenticate, type Caller, csrfFailure } from './access.ts';
import type { Clock } from './clock.ts';
import type { Database } from './database.ts';
import { readFilter } from './filter.ts';
import type { Row } from './model.ts';
import { modelOf } from './models.ts';
import { type Saving, ServerError } from './orders.ts';
import { jsonOf, payloadOf } from './render.ts';
import type { ModelDefinition } from './schema.ts';
import { type Tasks, taskStatus } from './tasks.ts';
import { patchMany, patchOne, post, remove, type Write } from './write.ts';

/** A FrePPLe server: its data, its clock, who may come in, and what it is doing. */
export interface Server extends Saving {
  database: Database;
  clock: Clock;
  access: Access;
  tasks: Tasks;
}

const html = { 'content-type': 'text/html; charset=utf-8' };
const listMethods = 'GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS';
const detailMethods = 'GET, PUT, PATCH, DELETE, HEAD, OPTIONS';

/** Answers one request the way FrePPLe 9.17 does. */
export function answer(exchange: Exchange, server: Server): Answer {
  if (/^\/scenario\d+\//.test(exchange.path)) {
    return { status: 404, headers: html, body: 'Scenario not in use, or access is denied' };
  }
  const caller = authenticate(exchange, server.access, server.clock);
  if ('status' in caller) return caller;
  const target = targetOf(exchange.path, server);
  if (target !== undefined) return api({ exchange, server, caller, target });
  if (exchange.path === '/data/login/') return page('Log in');
  if (caller.user === undefined) return redirect(`/data/login/?next=${encodeURI(exchange.path)}`);
  if (exchange.path === '/execute/api/status/') {
    return { status: 200, body: taskStatus(server.tasks, new URLSearchParams(exchange.query).getAll('id')) };
  }
  return exchange.path === '/' || exchange.path === '/api/' ? page('frePPLe') : redirect('/');
}

/** Where a path leads; without the slash at its end, or with an unknown model, nowhere. */
interface Target {
  name: string;
  model: ModelDefinition;
  /** The primary key of one row; absent for the collection. */
  key?: string;
}

function targetOf(path: string, { splits }: Server): Target | undefined {
  const [, name = '', key] = /^\/api\/input\/(\w+)\/(?:(.+)\/)?$/.exec(path) ?? [];
  const model = name === 'workorder' && !splits ? undefined : modelOf(name);
  return model === undefined ? undefined : { name, model, ...(key === undefined ? {} : { key }) };
}

interface Request {
  exchange: Exchange;
  server: Server;
  caller: Caller;
  target: Target;
}

/** The steps of Django REST framework, in its order: the format, who asks, whether he may, and only then the work. */
function api(request: Request): Answer {
  const { exchange, target } = request;
  const allow = target.key === undefined ? listMethods : detailMethods;
  const format = formatOf(exchange);
  try {
    const result = typeof format === 'object' ? format : (refusal(request) ?? dispatch(request));
    if (format === 'html' && result.status < 300 && exchange.method === 'GET') {
      return { ...page(target.name), headers: { ...html, allow } };
    }
    return { ...result, headers: { allow, ...result.headers } };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    return { ...page('frePPLe'), status: 500, headers: { 'content-type': 'text/html' } };
  }
}

/** JSON, or the browsable API for whoever asks for HTML first; neither is 406, an unknown `?format=` 404. */
function formatOf({ headers, query }: Exchange): 'json' | 'html' | Answer {
  const named = new URLSearchParams(query).get('format');
  if (named !== null && named !== 'json' && named !== 'api') return detail(404, 'Not found.');
  if (named !== null) return named === 'json' ? 'json' : 'html';
  const ranges = (headers.accept ?? '*/*').split(',').map((range) => range.split(';')[0]?.trim() ?? '');
  for (const kinds of [['application/json', 'text/html'], ['application/*', 'text/*'], ['*/*']]) {
    const found = kinds.find((kind) => ranges.includes(kind));
    if (found !== undefined) return found.startsWith('text') ? 'html' : 'json';
  }
  return detail(406, 'Could not satisfy the request Accept header.');
}

const actions: Record<string, Action> = { POST: 'add', PUT: 'change', PATCH: 'change', DELETE: 'delete' };

function refusal({ exchange, caller, target }: Request): Answer | undefined {
  const { user } = caller;
  if (user === undefined) {
    return { ...detail(401, caller.refusal ?? ''), headers: { 'www-authenticate': 'Basic realm="api"' } };
  }
  const action = actions[exchange.method];
  const csrf = action !== undefined && caller.session === true ? csrfFailure(exchange) : undefined;
  if (csrf !== undefined) return detail(403, csrf);
  if (user.may(action ?? 'view', target.name)) return undefined;
  return detail(403, 'You do not have permission to perform this action.');
}

function dispatch(request: Request): Answer {
  const { exchange, target, server } = request;
  const write = writeOf(request);
  const { method } = exchange;
  if (method === 'OPTIONS') return { status: 200, body: jsonOf(metadataOf(target)) };
  if (target.key !== undefined) return oneRow(target.key, write);
  if (method === 'POST') return post(write);
  if (method === 'PATCH' || method === 'PUT') return patchMany(write);
  const filter = readFilter(exchange.query, target.model, { database: server.database, zone: server.clock.zone });
  if (filter.errors !== undefined) return { status: 400, body: jsonOf(filter.errors) };
  const all = server.database.table(write.table).sorted().filter(write.shows);
  const rows = all.filter(filter.keeps);
  if (method === 'DELETE') {
    // A filter that names nothing deletes nothing: the server refuses to empty a table.
    if (rows.length === all.length) return { status: 400, body: '' };
    remove(rows, write);
    return { status: 204, body: '' };
  }
  return { status: 200, body: jsonOf(rows.map((row) => payloadOf(row, target.model, server.database))) };
}

function writeOf({ exchange, server, target }: Request): Write {
  const { name, model } = target;
  if (name !== 'manufacturingorder' && name !== 'workorder') {
    return { ...server, exchange, model, table: name, shows: () => true };
  }
  const type = name === 'workorder' ? 'WO' : 'MO';
  return { ...server, exchange, model, table: 'operationplan', shows: (row: Row) => row['type'] === type };
}

function oneRow(key: string, write: Write): Answer {
  const { method } = write.exchange;
  if (method === 'POST') return detail(405, 'Method "POST" not allowed.');
  const row = write.database.table(write.table).get(key);
  if (row === undefined || !write.shows(row)) return detail(404, 'Not found.');
  if (method === 'PATCH' || method === 'PUT') return patchOne(row, write);
  if (method !== 'DELETE') return { status: 200, body: jsonOf(payloadOf(row, write.model, write.database)) };
  remove([row], write);
  return { status: 204, body: '' };
}

function metadataOf({ name, model }: Target): object {
  const parses = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];
  const fields = model.fields.map((field) => [field.name, { read_only: field.readOnly }]);
  return {
    name,
    description: '',
    renders: ['application/json', 'text/html'],
    parses,
    fields: Object.fromEntries(fields),
  };
}

function detail(status: number, text: string): Answer {
  return { status, body: jsonOf({ detail: text }) };
}

function redirect(location: string): Answer {
  return { status: 302, headers: { ...html, location }, body: '' };
}

function page(title: string): Answer {
  const body = `<!DOCTYPE html><html><head><title>${title}</title></head><body>frePPLe</body></html>`;
  return { status: 200, headers: html, body };
}

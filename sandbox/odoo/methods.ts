import { hasAccess, hiddenRecord, hidesArchived, maySeeWithParent, requireAccess, type Session } from './access.ts';
import { type Database, firstAfter, type Row } from './database.ts';
import { readDomain } from './domain.ts';
import { accessError, missingError, OdooError, typeError, valueError } from './errors.ts';
import type { Model } from './fields.ts';
import { sortRows } from './order.ts';
import type { Json } from './python.ts';
import { describe, fieldValue, shown } from './values.ts';

/** One call of a method, its arguments by name. */
export interface Call {
  model: Model;
  method: string;
  ids: readonly number[];
  named: Record<string, unknown>;
  session: Session;
  database: Database;
  /** Counts an attempt to write. */
  wrote(): void;
}

interface Method {
  /** Names of the positional arguments, in order. */
  parameters: readonly string[];
  /** True where the method is of records: its first positional argument, or `ids`. */
  records: boolean;
  /** What Python calls the function that meets an unknown argument; `search_read` passes them on to `read`. */
  strict: { name: string; status: number };
  run(call: Call): Json;
}

const searching = ['domain', 'offset', 'limit', 'order'];

const methods: Record<string, Method> = {
  search: {
    parameters: searching,
    records: false,
    strict: { name: 'BaseModel.search', status: 422 },
    run: (call) => search(call).map(({ id }) => id),
  },
  search_count: {
    parameters: ['domain', 'limit'],
    records: false,
    strict: { name: 'BaseModel.search_count', status: 422 },
    run: (call) => search({ ...call, named: { ...call.named, order: 'id' } }).length,
  },
  search_read: {
    parameters: ['domain', 'fields', 'offset', 'limit', 'order', 'load'],
    records: false,
    strict: { name: 'BaseModel._read_format', status: 500 },
    run: (call) => {
      requireAccess(call.model, 'read', call.session);
      checkFields(call);
      return render(call, search(call));
    },
  },
  read: {
    parameters: ['fields', 'load'],
    records: true,
    strict: { name: 'BaseModel.read', status: 422 },
    run: read,
  },
  exists: {
    parameters: [],
    records: true,
    strict: { name: 'BaseModel.exists', status: 422 },
    run: (call) => {
      if (call.session.version === 19) throw privateMethod(call);
      return call.ids.filter((id) => call.database.table(call.model.name).get(id) !== undefined);
    },
  },
  fields_get: {
    parameters: ['allfields', 'attributes'],
    records: false,
    strict: { name: 'BaseModel.fields_get', status: 422 },
    run: fieldsGet,
  },
  has_access: {
    parameters: ['operation'],
    records: true,
    strict: { name: 'BaseModel.has_access', status: 422 },
    run: (call) => hasAccess(call.model, String(call.named['operation']), call.session),
  },
  check_access_rights: {
    parameters: ['operation', 'raise_exception'],
    records: false,
    strict: { name: 'BaseModel.check_access_rights', status: 422 },
    run: (call) => {
      const operation = String(call.named['operation']) as 'read';
      if (call.named['raise_exception'] !== false) requireAccess(call.model, operation, call.session);
      return hasAccess(call.model, operation, call.session);
    },
  },
  context_get: {
    parameters: [],
    records: false,
    strict: { name: 'ResUsers.context_get', status: 422 },
    run: ({ session }) => ({ lang: 'en_US', tz: session.account.zone ?? false, uid: session.account.id }),
  },
};

/** Which release has a method. */
const only: Record<string, number> = { has_access: 19, check_access_rights: 17 };
const writing = /^(write|create|unlink|copy|action_|button_|message_|set_|toggle_)/;

/** The method of that name, or undefined when the model has none. */
export function findMethod(model: string, name: string, version: number): Method | undefined {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  if (name === 'context_get' && model !== 'res.users') return undefined;
  return only[name] === undefined || only[name] === version ? method : undefined;
}

/** Runs a call, or throws what Odoo answers. */
export function run(call: Call): Json {
  const { model, method: name, session } = call;
  if (name.startsWith('_')) throw privateMethod(call);
  if (writing.test(name)) return refuseToWrite(call);
  const method = findMethod(model.name, name, session.version);
  if (method === undefined) {
    const message = `The method '${model.name}.${name}' does not exist`;
    throw new OdooError('builtins.AttributeError', message, { status: 404 });
  }
  const unknown = Object.keys(call.named).find((key) => !method.parameters.includes(key));
  if (unknown !== undefined) {
    const { name: python, status } = method.strict;
    throw typeError(`${python}() got an unexpected keyword argument '${unknown}'`, status);
  }
  return method.run(call);
}

function privateMethod({ model, method, session }: Call): Error {
  const named = session.version === 17 ? method : `'${model.name}.${method}'`;
  return accessError(`Private methods (such as ${named}) cannot be called remotely.`);
}

/** Nothing is ever written: the account of a connector has no right to. */
function refuseToWrite(call: Call): Json {
  const { model, method, ids, session, database } = call;
  call.wrote();
  const missing = ids.find((id) => database.table(model.name).get(id) === undefined);
  if (session.account.writes && missing !== undefined) {
    throw missingError(`${model.name}(${missing},)`, session.account.id);
  }
  const operation = method === 'create' || method === 'unlink' ? method : 'write';
  requireAccess(model, operation, session);
  throw valueError('The simulated Odoo takes no changes.');
}

function search(call: Call): Row[] {
  const { model, named, session, database } = call;
  requireAccess(model, 'read', session);
  const order = typeof named['order'] === 'string' && named['order'] !== '' ? named['order'] : model.order;
  const limit = Number(named['limit'] || Number.POSITIVE_INFINITY);
  const offset = Number(named['offset'] || 0);
  const byId = /^\s*id(\s+asc)?\s*$/i.test(order);
  // A walk by id needs no more than its page.
  const found = matching(call, byId ? offset + limit : Number.POSITIVE_INFINITY);
  const sorted = byId ? found : sortRows(found, order, { model, database, version: session.version });
  return sorted.slice(offset, offset + limit);
}

/** The first `count` rows, in order of id, that match the domain and that the account may see. */
function matching({ model, named, session, database }: Call, count: number): Row[] {
  const { version, now } = session;
  const domain = readDomain(named['domain'] ?? [], model.name, { database, version, now });
  const hides = hidesArchived(model.fields, domain.named, session);
  const all = database.table(model.name).ordered();
  const found: Row[] = [];
  for (let position = firstAfter(all, domain.above); position < all.length && found.length < count; position += 1) {
    const row = all[position];
    if (row === undefined || (hides && row['active'] === false) || !domain.holds(row)) continue;
    if (maySeeWithParent(model, row, { session, database })) found.push(row);
  }
  return found;
}

function fieldList({ model, named }: Call): string[] {
  const given = named['fields'];
  return Array.isArray(given) && given.length > 0 ? given.map(String) : Object.keys(model.fields);
}

function checkFields(call: Call): void {
  const unknown = fieldList(call).find((name) => call.model.fields[name] === undefined);
  if (unknown !== undefined) throw valueError(`Invalid field '${unknown}' on '${call.model.name}'`);
}

function render(call: Call, rows: readonly Row[]): Json {
  const { model, named, database } = call;
  const bare = 'load' in named && named['load'] !== '_classic_read';
  const fields = fieldList(call).filter((name) => name !== 'id');
  const place = { model: model.name, database };
  return rows.map((row) => {
    const record: Record<string, Json> = { id: row.id };
    for (const name of fields) {
      const field = model.fields[name];
      if (field !== undefined) record[name] = shown(fieldValue(row, name, place), field, { database, bare });
    }
    return record;
  });
}

/** Missing ids are left out without a word; rows behind a record rule are refused. */
function read(call: Call): Json {
  const { model, ids, session, database } = call;
  requireAccess(model, 'read', session);
  checkFields(call);
  const rows = ids.map((id) => database.table(model.name).get(id)).filter((row) => row !== undefined);
  const hidden = rows.find((row) => !maySeeWithParent(model, row, { session, database }));
  if (hidden !== undefined) throw hiddenRecord(model, hidden, { session, database });
  return render(call, rows);
}

/** Unknown names are dropped without a word: the way to find out which fields a release has. */
function fieldsGet({ model, named, session }: Call): Json {
  requireAccess(model, 'read', session);
  const wanted = Array.isArray(named['allfields']) && named['allfields'].length > 0 ? named['allfields'] : undefined;
  const attributes = Array.isArray(named['attributes']) ? named['attributes'].map(String) : undefined;
  const kept = Object.entries(model.fields).filter(([name]) => wanted?.includes(name) ?? true);
  return Object.fromEntries(kept.map(([name, field]) => [name, describe(field, attributes)]));
}

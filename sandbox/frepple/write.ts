import type { Exchange } from '../http.ts';
import type { Answer } from '../types.ts';
import type { Json, Order, Row } from './model.ts';
import { type Saving, saveOrder } from './orders.ts';
import { jsonOf, payloadOf } from './render.ts';
import type { ModelDefinition } from './schema.ts';
import { validate } from './validate.ts';

/** A write on its way: to which model, and with what. */
export interface Write extends Saving {
  exchange: Exchange;
  model: ModelDefinition;
  /** The table behind the model. */
  table: string;
  /** The rows that the endpoint shows: work orders are not found among manufacturing orders. */
  shows: (row: Row) => boolean;
}

/** What a new row holds where the body says nothing. */
const defaults: Record<string, Row> = {
  demand: { status: 'open', priority: 10, policy: 'independent', plan: {} },
  operation: { type: 'fixed_time', priority: 1, sizeminimum: '1.00000000', duration: '00:00:00' },
  resource: { type: 'default', maximum: '1.00000000' },
  operationresource: { quantity: '1.00000000', priority: 1 },
};

/** POST on a collection: an upsert of one object or of a list, answered 201 in either case. */
export function post(write: Write): Answer {
  const bodies = readBody(write.exchange);
  if ('status' in bodies) return bodies;
  const checked = check(bodies, write);
  if ('status' in checked) return checked;
  const saved = checked.map((values) => save(values, find(values, write), write));
  return answerRows(201, saved, { write, single: bodies.single });
}

/** PATCH or PUT on a collection: a list of objects, each with its primary key; all or none. */
export function patchMany(write: Write): Answer {
  const bodies = readBody(write.exchange);
  if ('status' in bodies) return bodies;
  const checked = check(bodies, write);
  if ('status' in checked) return checked;
  const { key } = write.model;
  if (bodies.rows.some((body) => body[key] === undefined || body[key] === '')) return refuse(['']);
  const before = bodies.rows.map((body) => shown(String(body[key]), write));
  if (before.includes(undefined)) return refuse(['Could not find all objects to update.']);
  const saved = checked.map((values, index) => save(values, before[index], write));
  return answerRows(200, saved, { write, single: false });
}

/** PATCH or PUT on one row; both change only what they name. */
export function patchOne(before: Row, write: Write): Answer {
  const bodies = readBody(write.exchange);
  if ('status' in bodies) return bodies;
  const checked = check({ ...bodies, single: true }, write);
  if ('status' in checked) return checked;
  const { [write.model.key]: _key, ...values } = checked[0] ?? {};
  return answerRows(200, [save(values, before, write)], { write, single: true });
}

/** Deletes rows with all that hangs on them. */
export function remove(rows: readonly Row[], { table, database }: Write): void {
  for (const row of rows) {
    database.apply({ table, row, gone: true });
    if (table !== 'operationplan') continue;
    const { reference } = row as Order;
    remove(database.table(table).by('owner', reference), { table, database } as Write);
    const loads = database.table('operationplanresource').by('operationplan', reference);
    for (const load of loads) database.apply({ table: 'operationplanresource', row: load, gone: true });
  }
}

interface Bodies {
  rows: readonly Row[];
  single: boolean;
}

/** JSON or a form; whatever else is 415. */
function readBody({ headers, body }: Exchange): Bodies | Answer {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  if (type === 'application/x-www-form-urlencoded') {
    return { rows: [Object.fromEntries(new URLSearchParams(body))], single: true };
  }
  if (type !== 'application/json') {
    return { status: 415, body: jsonOf({ detail: `Unsupported media type "${type}" in request.` }) };
  }
  try {
    const value = JSON.parse(body) as Row | Row[];
    return Array.isArray(value) ? { rows: value, single: false } : { rows: [value], single: true };
  } catch {
    // Python names the place; the end is right for a body that was cut off, which is the case that happens.
    const end = body.length;
    const detail = `JSON parse error - Expecting value: line 1 column ${end + 1} (char ${end})`;
    return { status: 400, body: jsonOf({ detail }) };
  }
}

/** The values of each object; or, when one is wrong, the errors in the places of the objects. */
function check({ rows, single }: Bodies, { model, database }: Write): Row[] | Answer {
  const results = rows.map((body) => validate(body, model, database));
  const values = results.flatMap((result) => (result.errors === undefined ? [result.values] : []));
  if (values.length === results.length) return values;
  const errors = results.map((result) => result.errors ?? {});
  return refuse(single ? (errors[0] ?? {}) : errors);
}

function find(values: Row, { model, table, database }: Write): Row | undefined {
  const rows = database.table(table);
  if (model.natural.length === 0) return rows.get(String(values[model.key] ?? ''));
  const [first = '', ...rest] = model.natural;
  const candidates = rows.by(first, values[first] ?? null);
  return candidates.find((row) => rest.every((column) => (row[column] ?? null) === (values[column] ?? null)));
}

function shown(key: string, { table, database, shows }: Write): Row | undefined {
  const row = database.table(table).get(key);
  return row !== undefined && shows(row) ? row : undefined;
}

function save(values: Row, before: Row | undefined, write: Write): Row {
  const { model, table, database, clock } = write;
  if (table === 'operationplan') return saveOrder(values, before as Order | undefined, write);
  const fresh: Row = {};
  if (before === undefined) {
    for (const { name } of model.fields) fresh[name] = null;
    if (model.natural.length > 0) fresh[model.key] = database.serial();
  }
  const row: Row = { ...fresh, ...(before ?? defaults[table]), ...values };
  if (model.lookups.has('lastmodified')) row['lastmodified'] = clock.stamp();
  database.apply({ table, row });
  return row;
}

function answerRows(
  status: number,
  rows: readonly Row[],
  { write, single }: { write: Write; single: boolean },
): Answer {
  const payloads = rows.map((row) => payloadOf(row, write.model, write.database));
  return { status, body: jsonOf(single ? payloads[0] : payloads) };
}

function refuse(errors: Json): Answer {
  return { status: 400, body: jsonOf(errors) };
}

import type { Database } from './database.ts';
import type { Json, Load, Order, Row } from './model.ts';
import type { ModelDefinition } from './schema.ts';

/** A row in the fields and the order of its model's payload. */
export function payloadOf(row: Row, model: ModelDefinition, database: Database): Row {
  const payload: Row = {};
  for (const { name, type } of model.fields) {
    if (type === 'list') payload[name] = name === 'resources' ? resourcesOf(row as Order, database) : [];
    else if (type === 'computed') payload[name] = planned(row as Load, name, database);
    else payload[name] = row[name] ?? null;
  }
  return payload;
}

/** JSON as Django REST framework writes it. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value).replace(/[\u2028\u2029]/g, (found) => (found === '\u2028' ? '\\u2028' : '\\u2029'));
}

function resourcesOf({ reference }: Order, database: Database): Json {
  const loads = database.table('operationplanresource').by('operationplan', reference);
  loads.sort((left, right) => (left.resource < right.resource ? -1 : 1));
  return loads.map(({ resource, quantity, setup }) => ({ resource, quantity, setup }));
}

/** The dates of a load are those of its order. */
function planned({ operationplan }: Load, name: string, database: Database): Json {
  const order = database.table('operationplan').get(operationplan);
  return order?.[name === 'startdate' ? 'startdate' : 'enddate'] ?? null;
}

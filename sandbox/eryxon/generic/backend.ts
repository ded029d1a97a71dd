import type { Exchange } from '../../http.ts';
import { type Answer, type Table, tables } from '../../types.ts';
import { type Backend, missing, type Surroundings } from '../backend.ts';
import { failure } from '../errors.ts';
import { type GenericGeneration, traits } from '../generation.ts';
import { bootError, functionOf, noRoute, preflight, unknownFunction } from '../host.ts';
import type { Incoming } from '../tables.ts';
import { discard } from './crud.ts';
import { Database, type Row } from './database.ts';
import { functionNamed } from './functions.ts';
import { imageOf } from './image.ts';
import { refusal } from './lifecycle.ts';
import { countOf, isVisible, type Mes } from './mes.ts';

/** A generation whose functions take columns for fields. */
export function genericBackend(generation: GenericGeneration, surroundings: Surroundings): Backend {
  const mes = mesOf(generation, surroundings);
  const { database } = mes;
  function edit(table: Table, externalId: string, values: Incoming): void {
    database.update(table, known(mes, table, externalId), values);
  }
  return {
    answer: (exchange) => answer(mes, exchange),
    image: (source) => imageOf(mes, source),
    count: (table) => countOf(mes, table),
    writes: (table, externalId) => mes.writes[table].get(externalId) ?? 0,
    statusOf(table, externalId) {
      const status = find(mes, table, externalId)?.columns['status'];
      return typeof status === 'string' ? status : undefined;
    },
    touch(table, externalId, status) {
      // The screens of the shop floor set these three and no timestamp besides.
      const done = table === 'operations' && status === 'completed';
      const stamp = surroundings.now().toISOString();
      edit(table, externalId, { status, ...(done ? { completed_at: stamp, completion_percentage: 100 } : {}) });
    },
    remove: (table, externalId) => discard(mes, table, String(known(mes, table, externalId).columns['id'])),
    edit,
  };
}

function mesOf(generation: GenericGeneration, surroundings: Surroundings): Mes {
  const { mintId, now } = surroundings;
  return {
    database: new Database({ complete: traits[generation].complete, mintId, now }),
    traits: traits[generation],
    surroundings,
    writes: Object.fromEntries(tables.map((table) => [table, new Map()])) as unknown as Mes['writes'],
    imports: [],
    sorted: new Map(),
  };
}

function find(mes: Mes, table: Table, externalId: string): Row | undefined {
  return mes.database.byExternalId(table, externalId).find((row) => isVisible(mes, table, row));
}

function known(mes: Mes, table: Table, externalId: string): Row {
  const row = find(mes, table, externalId);
  if (row === undefined) throw missing(table, externalId);
  return row;
}

function answer(mes: Mes, exchange: Exchange): Answer {
  const { name, rest } = functionOf(exchange.path);
  if (name === undefined) return noRoute();
  const called = functionNamed(name);
  if (called === undefined) return unknownFunction();
  if (mes.traits.broken.includes(name)) return bootError();
  const { method, query, body } = exchange;
  if (method === 'OPTIONS') return preflight();
  if (name.endsWith('-lifecycle') && method !== 'POST') {
    return refusal(405, 'METHOD_NOT_ALLOWED', `Method ${method} not allowed. Allowed: POST, OPTIONS`);
  }
  try {
    mes.surroundings.gate.pass(exchange.headers.authorization);
    const action = rest.split('/').filter(Boolean).at(-1) ?? name;
    return called(mes, { method, action, parameters: new URLSearchParams(query), body });
  } catch (error) {
    return failure(error);
  }
}

import type { Exchange } from '../http.ts';
import type { Answer, Table } from '../types.ts';
import { type Api, answer } from './api.ts';
import { type Backend, missing, type Surroundings } from './backend.ts';
import { DatabaseError } from './errors.ts';
import { imageOf } from './image.ts';
import { type Row, Store } from './store.ts';
import { definitions } from './tables.ts';

/** The documented generation (v0.1). */
export function classicBackend(surroundings: Surroundings, options: { bulk: boolean; released: boolean }): Backend {
  const store = new Store(surroundings.mintId);
  const api: Api = { store, surroundings, ...options };
  function known(table: Table, externalId: string): Row {
    const row = store.byExternalId(table, externalId);
    if (row === undefined) throw missing(table, externalId);
    return row;
  }
  function edit(table: Table, externalId: string, values: Record<string, unknown>): void {
    const row = known(table, externalId);
    for (const name of Object.keys(values)) {
      if (definitions[table].columns.some((column) => column.name === name)) continue;
      throw new Error(`Records of ${table} have no ${name}.`);
    }
    store.edit(table, row, values);
  }
  function remove(table: Table, externalId: string): void {
    const row = known(table, externalId);
    const used = [...store.rows('operations')].some(({ values }) => values['cell_id'] === row.id);
    if (table === 'cells' && used) {
      const constraint = 'foreign key constraint "tasks_stage_id_fkey" on table "operations"';
      throw new DatabaseError(`update or delete on table "cells" violates ${constraint}`);
    }
    store.remove(table, row);
  }
  return {
    answer: (exchange: Exchange): Answer => answer(api, exchange),
    image: (source) => imageOf(store, source),
    count: (table) => store.count(table),
    writes: (table, externalId) => store.writes(table, externalId),
    statusOf(table, externalId) {
      const status = store.byExternalId(table, externalId)?.values['status'];
      return typeof status === 'string' ? status : undefined;
    },
    touch: (table, externalId, status) => edit(table, externalId, { status }),
    remove,
    edit,
  };
}

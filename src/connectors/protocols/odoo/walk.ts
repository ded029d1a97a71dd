import { PermanentError } from '../../../core/errors.ts';
import type { Mapping } from '../../mapping.ts';
import { nameDoubts, requireNames } from '../../mapping-names.ts';
import { type Domain, idOf, missingApp, type OdooModels, type OdooRow, requireFields } from './model.ts';

/** Rows that are read with their parent, because one of them says too little without the others. */
export interface ByParent {
  /** Model of the parent. */
  model: string;
  /** Field of the row that names it. */
  field: string;
  /** Field of the parent that names its rows. */
  rows: string;
  /** Fields of the parent that its rows are given, as `parent`. */
  fields: readonly string[];
}

export interface OdooWalkOptions {
  /** Stream id, for error texts. */
  name: string;
  models: OdooModels;
  model: string;
  /** App that brings the model. */
  app: string;
  /** Without the app the stream is empty; else it is an error. */
  mayBeAbsent: boolean;
  /** Fields that the built-in mapping reads, and those of them that it cannot do without. */
  fields: readonly string[];
  required: readonly string[];
  /** Fields that tell a row's records and whether the MES is to have them. */
  keyFields: readonly string[];
  /** Fields that the operator's own mapping may read; what may not be meant as one is left out where the model lacks it. */
  extraFields(): Promise<readonly string[]>;
  /** What each setting of that mapping reads. */
  readings: Mapping['readings'];
  /** What `complete` and the parent bring. */
  laid: readonly string[];
  parent: ByParent | undefined;
  /** The operator's own. */
  domain: Domain;
  pageSize: number;
  /** Lays what stands on other models into the rows. */
  complete(rows: readonly OdooRow[], signal: AbortSignal): Promise<void>;
}

export interface WalkReading {
  /** Read only what tells a row's records. */
  keysOnly: boolean;
  signal: AbortSignal;
}

export interface Walked {
  rows: OdooRow[];
  /** Id behind which the walk goes on, and behind which it came. */
  last: number;
  behind: number;
  more: boolean;
}

/** The rows of one model, in order of their ids or of their parents' ids. */
export interface OdooWalk {
  /** Throws where the app or a field that the mapping needs is missing. Resolves to false for a stream that is empty by that. */
  prepare(signal: AbortSignal): Promise<boolean>;
  /** What cannot be told of the operator's own mapping. */
  doubts(signal: AbortSignal): Promise<string[]>;
  walk(conditions: Domain, from: number, reading: WalkReading): AsyncIterable<Walked>;
  byIds(ids: readonly number[], signal: AbortSignal): Promise<OdooRow[]>;
  /** Every row of these parents. */
  byParents(ids: readonly number[], signal: AbortSignal): Promise<OdooRow[]>;
}

/**
 * Order by stamp goes by microseconds that no reader sees, so that neither a keyset over stamps nor offsets bring every row; order
 * by id does. What changes behind the walk is stamped after it began, and comes with the next window.
 */
export function createOdooWalk(options: OdooWalkOptions): OdooWalk {
  const { name, models, model, parent, domain, pageSize } = options;

  const prepare = (signal: AbortSignal) => isThere(options, signal);

  async function rowsOf(where: Domain, keysOnly: boolean, signal: AbortSignal): Promise<OdooRow[]> {
    const rows = await models.all({ model, domain: where, fields: await fieldsFor(options, keysOnly) }, signal);
    await options.complete(rows, signal);
    return rows;
  }

  /** All rows of some parents. */
  async function familiesOf(
    by: ByParent,
    ids: readonly number[],
    { keysOnly, signal }: WalkReading,
  ): Promise<OdooRow[]> {
    const about = { model: by.model, domain: [['id', 'in', ids]], fields: by.fields };
    const parents = new Map((await models.all(about, signal)).map((row) => [row.id, row]));
    const rows = await rowsOf([...domain, [by.field, 'in', ids]], keysOnly, signal);
    for (const row of rows) row['parent'] = parents.get(idOf(row[by.field]) ?? 0) ?? null;
    return rows;
  }

  async function pageBehind(last: number, conditions: Domain, reading: WalkReading): Promise<Walked> {
    const { keysOnly, signal } = reading;
    const where = [...(parent === undefined ? domain : []), ...conditions, ['id', '>', last]];
    const fields = parent === undefined ? await fieldsFor(options, keysOnly) : [];
    const query = { model: parent?.model ?? model, domain: where, fields, order: 'id', limit: pageSize };
    const heads = await models.rows(query, signal);
    const ids = heads.map(({ id }) => id);
    if (ids.some((id, index) => id <= (ids[index - 1] ?? last))) throw unordered(name, query.model);
    if (parent === undefined) await options.complete(heads, signal);
    const rows = parent === undefined ? heads : await familiesOf(parent, ids, reading);
    return { rows, last: ids.at(-1) ?? last, behind: last, more: ids.length === pageSize };
  }

  async function* walk(conditions: Domain, from: number, reading: WalkReading): AsyncGenerator<Walked> {
    if (!(await prepare(reading.signal))) return;
    for (let last = from, more = true; more; ) {
      const page = await pageBehind(last, conditions, reading);
      if (page.last > last) yield page;
      ({ last, more } = page);
    }
  }

  async function byIds(ids: readonly number[], signal: AbortSignal): Promise<OdooRow[]> {
    if (parent === undefined) return rowsOf([...domain, ['id', 'in', ids]], false, signal);
    const rows = await models.all({ model, domain: [['id', 'in', ids]], fields: [parent.field] }, signal);
    const parents = [...new Set(rows.map((row) => idOf(row[parent.field]) ?? 0))];
    const wanted = new Set(ids);
    return (await familiesOf(parent, parents, { keysOnly: false, signal })).filter(({ id }) => wanted.has(id));
  }

  return {
    prepare,
    doubts: async (signal) => nameDoubts(await ownNames(options, signal)),
    walk,
    byIds,
    byParents: async (ids, signal) =>
      parent === undefined ? [] : familiesOf(parent, ids, { keysOnly: false, signal }),
  };
}

/** False where the model is missing and may be. */
async function isThere(options: OdooWalkOptions, signal: AbortSignal): Promise<boolean> {
  const { name, models, model, app, mayBeAbsent, fields, required } = options;
  const known = await models.known(model, fields, signal);
  if (known === undefined && !mayBeAbsent) throw missingApp(name, model, app);
  if (known === undefined) return false;
  const missing = required.filter((field) => !known.has(field));
  requireFields(name, model, missing);
  await requireNames({ ...(await ownNames(options, signal)), todo: () => notAsked });
  return true;
}

const notAsked = 'Write it as Odoo does (developer mode shows technical names); the account must be allowed to see it.';

async function ownNames({ name, models, model, laid, extraFields, readings }: OdooWalkOptions, signal: AbortSignal) {
  const known = await models.known(model, await extraFields(), signal);
  const has = (field: string) => known === undefined || known.has(field) || laid.includes(field) || field === 'id';
  return { stream: name, mapping: { readings }, has, where: model };
}

/** What to read of a row: all that the mapping needs, or only what tells its records. */
async function fieldsFor(options: OdooWalkOptions, keysOnly: boolean): Promise<string[]> {
  const own = keysOnly ? options.keyFields : options.fields;
  return [...new Set([...own, ...(await options.extraFields()), 'write_date'])];
}

function unordered(name: string, model: string): PermanentError {
  return new PermanentError(`${name}: ${model}.search_read does not keep to the order of ids that was asked for.`);
}

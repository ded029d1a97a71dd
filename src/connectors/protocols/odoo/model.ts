import { ConfigError, PermanentError, TransientError } from '../../../core/errors.ts';
import type { OdooClient } from './client.ts';
import { MissingModelError, UnknownFieldError } from './errors.ts';

/** A row as Odoo sends it, but with null where Odoo says `false` for nothing. A many2one is its id and its name. */
export type OdooRow = Record<string, unknown> & { id: number };

/** Conditions that all hold, in prefix notation: `|` is followed by two. */
export type Domain = readonly unknown[];

/** What one release knows of one model. */
interface Model {
  /** Names of the fields that may be asked for. */
  fields: ReadonlySet<string>;
  /** Those in which `false` is a value. */
  truths: ReadonlySet<string>;
}

export interface Query {
  model: string;
  domain: Domain;
  /** Unknown ones are left out of the query. */
  fields: readonly string[];
  order?: string;
  limit?: number;
}

/** Reads models of one database; what fields they have is asked once. */
export interface OdooModels {
  /** Fields of the model that are among these; undefined where there is no such model. */
  known(model: string, fields: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string> | undefined>;
  rows(query: Query, signal: AbortSignal): Promise<OdooRow[]>;
  /** Every row that matches, in order of id; by keys, because a page may end the walk but never shift it. */
  all(query: Pick<Query, 'model' | 'domain' | 'fields'>, signal: AbortSignal): Promise<OdooRow[]>;
  count(model: string, domain: Domain, signal: AbortSignal): Promise<number>;
}

/** Rows a request where all of them are wanted. */
const rowsAtOnce = 2000;

export function createOdooModels(client: OdooClient, name: string): OdooModels {
  const asked = new Map<string, Promise<Model | undefined>>();

  async function describe(model: string, signal: AbortSignal): Promise<Model | undefined> {
    const call = { model, method: 'fields_get', named: { attributes: ['type'] } } as const;
    try {
      return readModel(await client.call(call, signal), `${name}: ${model}.fields_get`);
    } catch (error) {
      if (error instanceof MissingModelError) return undefined;
      throw error;
    }
  }

  function modelOf(model: string, signal: AbortSignal): Promise<Model | undefined> {
    const known = asked.get(model) ?? describe(model, signal);
    asked.set(model, known);
    known.catch(() => asked.delete(model));
    return known;
  }

  async function rows({ model, domain, fields, order, limit }: Query, signal: AbortSignal): Promise<OdooRow[]> {
    const known = await modelOf(model, signal);
    if (known === undefined) return [];
    const wanted = fields.filter((field) => known.fields.has(field));
    const named = { domain, fields: [...new Set(['id', ...wanted])], ...(order && { order }), ...(limit && { limit }) };
    try {
      const answer = await client.call({ model, method: 'search_read', named }, signal);
      return readRows(answer, { what: `${name}: ${model}.search_read`, wanted, truths: known.truths });
    } catch (error) {
      // The app was upgraded meanwhile.
      if (error instanceof UnknownFieldError || error instanceof MissingModelError) asked.delete(model);
      throw error;
    }
  }

  return {
    async known(model, fields, signal) {
      const known = await modelOf(model, signal);
      return known && new Set(fields.filter((field) => known.fields.has(field)));
    },
    rows,
    async all(query, signal) {
      const found: OdooRow[] = [];
      for (let last = 0; ; last = found.at(-1)?.id ?? last) {
        const domain = [...query.domain, ['id', '>', last]];
        const page = await rows({ ...query, domain, order: 'id', limit: rowsAtOnce }, signal);
        for (const row of page) found.push(row);
        if (page.length < rowsAtOnce) return found;
      }
    },
    async count(model, domain, signal) {
      const answer = await client.call({ model, method: 'search_count', named: { domain } }, signal);
      if (typeof answer === 'number') return answer;
      throw malformed(`${name}: ${model}.search_count`);
    },
  };
}

function readModel(answer: unknown, what: string): Model {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) throw malformed(what);
  const described = Object.entries(answer as Record<string, { type?: unknown } | null>);
  // Every model has it: what lacks it comes from somebody before Odoo.
  if (!described.some(([field]) => field === 'id')) throw malformed(what);
  const truths = described.filter(([, field]) => field?.type === 'boolean').map(([field]) => field);
  return { fields: new Set(described.map(([field]) => field)), truths: new Set(truths) };
}

interface RowReading {
  what: string;
  wanted: readonly string[];
  truths: ReadonlySet<string>;
}

function readRows(answer: unknown, { what, wanted, truths }: RowReading): OdooRow[] {
  if (!Array.isArray(answer)) throw malformed(what);
  const nullable = wanted.filter((field) => !truths.has(field));
  for (const row of answer as OdooRow[]) {
    if (typeof row !== 'object' || row === null || typeof row.id !== 'number') throw malformed(what);
    for (const field of nullable) if (row[field] === false) row[field] = null;
  }
  return answer as OdooRow[];
}

function malformed(what: string): TransientError {
  return new TransientError(`${what} answered in another form than Odoo does.`, { malformed: true });
}

/** Throws where fields are missing that a mapping cannot do without. */
export function requireFields(stream: string, model: string, missing: readonly string[]): void {
  if (missing.length === 0) return;
  const text = (field: string) =>
    `${stream}: ${model} has no field ${field} in this release of Odoo, and there is no other to take its place.`;
  throw new ConfigError(missing.map((field) => ({ text: text(field) })));
}

/** Throws where the model is part of what the connector cannot do without. */
export function missingApp(stream: string, model: string, app: string): PermanentError {
  return new PermanentError(
    `${stream}: this database has no ${model}: the app ${app} is not installed. Install it, or set enabled: false.`,
  );
}

/** Any of these conditions. */
export function anyOf(conditions: readonly unknown[]): Domain {
  return [...conditions.slice(1).map(() => '|'), ...conditions];
}

/** Id of a many2one; null for none. */
export function idOf(value: unknown): number | null {
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value[0] : null;
  return typeof value === 'number' ? value : null;
}

/** Name of a many2one as Odoo shows it; null for none. */
export function nameOf(value: unknown): string | null {
  return Array.isArray(value) && typeof value[1] === 'string' && value[1] !== '' ? value[1] : null;
}

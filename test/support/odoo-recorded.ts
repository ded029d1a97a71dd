import { readFileSync } from 'node:fs';
import type { Account } from '../../sandbox/odoo/access.ts';
import type { Database, Row, Value } from '../../sandbox/odoo/database.ts';
import type { Version } from '../../sandbox/odoo/errors.ts';

/**
 * One exchange recorded from a real 17.0 or 19.0 with demo data. The end of a long answer, or of one whose traceback was
 * taken out carelessly, is cut off (`…`); requests that the cut swallowed have a title of their own.
 */
export interface Recorded {
  section: string;
  title: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  status: number;
  contentType: string;
  answer: string;
}

export function recordedRun(version: Version): Recorded[] {
  const file = new URL(`../fixtures/odoo/odoo-${version}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Recorded[];
}

/** Recorded exchanges that the simulator is not meant to answer, by the beginning of their titles, and why. */
export const notReplayed: Record<string, string> = {
  'mrp.routing.workcenter': 'routings are not simulated',
  'mrp.bom': 'bills of material are not simulated',
  'stock.quant': 'stock on hand is not simulated',
  'swallowed: stock.quant': 'stock on hand is not simulated',
  'product.product': 'product templates are not simulated',
  'fields:[]': 'has only the fields that a connector may want',
  web_search_read: 'the API of the web client is not simulated',
  'cheap totals': 'groupings are not simulated',
  'API key is refused by the web-session': 'web sessions are not simulated',
  'GET /doc-bearer': 'the API documentation is not simulated',
  'swallowed: sale.order.write': 'nothing is written',
  'create ': 'nothing is written',
  'unlink ': 'nothing is written',
  'archive ': 'nothing is written',
  'cancel ': 'nothing is written',
  'swallowed: mrp.workcenter.write': 'nothing is written',
  'swallowed: mrp.production.unlink': 'nothing is written',
  'swallowed: mrp.bom.create': 'nothing is written',
  'chatter message': 'nothing is written',
  'a UserError raised': 'nothing is written',
  button_mark_done: 'nothing is written',
  'manufacturing user closes': 'nothing is written',
  'res.users.apikeys/generate': 'a 19.0 of another day has the method',
  'the manufacturing order it produced': 'has fields that nobody reads',
  'sale.order.mrp_production_ids': 'the link is read from the stock move',
  '17: SO of an MO': 'procurement groups are not simulated',
  'its work orders': 'has fields that nobody reads',
  'swallowed: order by duration': 'among equals the order is that of the heap',
};

const admin: Account = {
  id: 2,
  login: 'admin',
  password: 'admin',
  keys: ['dd6e30b…', '<APIKEY>'].map((secret) => key(1, 'connector', { secret, expiresAt: null })),
  companies: [1, 2],
  rights: new Map(),
  zone: 'Europe/Brussels',
  writes: true,
};

function key(id: number, name: string, rest: { secret: string; expiresAt: number | null }): Account['keys'][number] {
  return { id, name, createdAt: '2026-11-20 22:17:46', ...rest };
}

/** The accounts of the recording; uids differ by release. */
export function accountsOf(version: Version): Account[] {
  const first = version === 17 ? 8 : 7;
  const rights = (...denied: [string, 'none' | 'hidden'][]): Account['rights'] => new Map(denied);
  const expiresAt = Date.UTC(2026, 11, 20, 22, 17, 46);
  const others: [string, Account['rights']][] = [
    ['plain', rights(['mrp.production', 'none'])],
    ['mrpuser', rights(['maintenance.equipment', 'hidden'])],
    ['salesown', rights(['sale.order', 'hidden'])],
  ];
  const accounts = others.map(([login, denied], index) => {
    const keys = login === 'plain' ? [key(2, 'plain', { secret: '77444f0…', expiresAt })] : [];
    return { ...admin, id: first + index, login, password: login, keys, rights: denied };
  });
  return [admin, ...accounts];
}

/** Rows that no answer shows in full. */
function extras(version: Version): Record<string, Partial<Row>[]> {
  const write_date = '2026-11-20 22:09:21.210315';
  const productions = [1, 2, 3, 4, 5, 6].map((id) => ({
    id,
    name: `WH/MO/0000${id}`,
    state: ['confirmed', 'draft', 'confirmed', 'done', 'done', 'done'][id - 1] ?? 'done',
    priority: '0',
    company_id: 1,
    date_start: id === 5 ? '2026-11-01 00:00:00' : '2026-11-20 22:09:24',
    write_date,
  }));
  const [one, two, three] =
    version === 17
      ? ['Assembly Line 1', 'Drill Station 1', 'Assembly Line 2']
      : ['Assembly 1', 'Drill 1', 'Assembly 2'];
  const centers = [one, two, three].map((name, index) => ({
    id: index + 1,
    name,
    active: true,
    company_id: 1,
    write_date,
  }));
  return {
    'mrp.production': productions,
    'mrp.workcenter': centers,
    'mrp.workorder': [1, 2, 3].map((id) => ({ id, production_id: id, workcenter_id: 1, write_date })),
    'sale.order': [
      { id: 23, name: 'S00023', state: 'sale', company_id: 1, date_order: '2026-01-01 00:00:00', write_date },
    ],
    'res.users': [
      { id: 1, name: 'OdooBot', company_ids: [2, 1], company_id: 1 },
      { id: 2, name: 'Mitchell Admin', company_ids: [2, 1], company_id: 1 },
    ],
  };
}

/** Seconds are all that the recording shows; these are the moments that it measured in the database, newest first. */
const measured = ['22:15:56.055761', '22:15:56.043484', '22:15:56.030564', '22:15:56.018094'];

export function fillExtras(database: Database, version: Version): void {
  for (const [model, rows] of Object.entries(extras(version))) {
    for (const row of rows) merge(database, model, row);
  }
}

/** What happened before a section and is not shown in it. */
const meanwhile: Record<string, Record<string, Partial<Row>>> = {
  '9': { 'mrp.workcenter': { id: 2, active: true } },
  '11': { 'mrp.workorder': { id: 2, state: 'cancel' } },
  '16': {
    'sale.order.line': { id: 51, name: '[BRK-100] Bracket A', order_id: 25 },
    'sale.order': { id: 25, name: 'S00025', partner_id: 77, company_id: 1 },
  },
};

/** Brings a section about: what happened before it. */
export function startSection(database: Database, section: string, version: Version): void {
  const name = version === 17 ? 'Azure Interior' : 'Gemini Furniture 1795212856';
  merge(database, 'res.partner', { id: 77, name });
  for (const [model, row] of Object.entries(meanwhile[section] ?? {})) merge(database, model, row);
}

/** Brings the rows to the state that the answers of one section show. */
export function loadSection(database: Database, run: readonly Recorded[]): void {
  for (const recorded of run) {
    if (Object.keys(notReplayed).some((title) => recorded.title.startsWith(title))) continue;
    const model = modelOf(recorded);
    const records = recordsOf(recorded);
    if (model === undefined || !database.models.has(model)) continue;
    for (const record of records) load(database, model, record);
  }
}

function modelOf({ path, body }: Recorded): string | undefined {
  const named = /^\/json\/2\/([^/]+)\//.exec(path)?.[1];
  if (named !== undefined || body === '' || body.startsWith('[')) return named;
  const { params } = JSON.parse(body) as { params?: { args?: unknown[] } };
  return typeof params?.args?.[3] === 'string' ? params.args[3] : undefined;
}

function recordsOf({ answer }: Recorded): Record<string, unknown>[] {
  if (answer.endsWith('…') || !/^[[{]/.test(answer)) return [];
  const parsed = JSON.parse(answer) as { result?: unknown };
  const list = Array.isArray(parsed) ? parsed : parsed.result;
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null && 'id' in item) : [];
}

function load(database: Database, model: string, record: Record<string, unknown>): void {
  const row: Record<string, Value> = {};
  for (const [name, value] of Object.entries(record)) {
    const field = database.field(model, name);
    if (field === undefined || field.store === false || field.type === 'one2many') continue;
    row[name] = stored(database, value, field);
  }
  const stamp = row['write_date'];
  if (typeof stamp === 'string') row['write_date'] = momentOf(stamp, Number(record['id']));
  merge(database, model, row);
}

function momentOf(stamp: string, id: number): string {
  if (!/22:1[56]:/.test(stamp)) return `${stamp}.210315`;
  const [, micros] = (measured[id - 1] ?? '.500000').split('.');
  return `${stamp}.${micros}`;
}

function stored(database: Database, value: unknown, field: { type: string; relation?: string }): Value {
  if (field.type === 'many2one' && Array.isArray(value)) {
    const [id, name] = value as [number, string];
    nameRow(database, field.relation ?? '', { id, name });
    return id;
  }
  return value === false && field.type !== 'boolean' ? null : (value as Value);
}

/** What is shown by name only gets a row with that name. */
function nameRow(database: Database, model: string, { id, name }: { id: number; name: string }): void {
  const [, code, rest] = /^\[(.+?)\] (.*)$/.exec(name) ?? [];
  if (model === 'product.product' && rest !== undefined)
    merge(database, model, { id, name: rest, default_code: code ?? null });
  else if (model !== 'sale.order.line') merge(database, model, { id, name });
}

function merge(database: Database, model: string, row: Partial<Row> | Record<string, Value>): void {
  const id = Number(row['id']);
  const before = database.table(model).get(id) ?? { id, write_date: null };
  const fields = Object.entries(row).filter(([, value]) => value !== undefined) as [string, Value][];
  database.apply({ model, row: { ...before, ...Object.fromEntries(fields), id } });
}

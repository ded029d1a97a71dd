import type { Database, Row } from './database.ts';
import { accessError, type Version } from './errors.ts';
import type { Field, Model } from './fields.ts';
import type { Json } from './python.ts';

/** One account; `none` refuses a model with an error, `hidden` filters every row of it without one, as record rules do. */
export interface Account {
  id: number;
  login: string;
  password: string | null;
  keys: ApiKey[];
  /** IANA zone of the user's preferences; null where none is set. */
  zone: string | null;
  companies: readonly number[];
  rights: Map<string, 'none' | 'hidden'>;
  /** May change rows; the account of a connector may not. */
  writes: boolean;
}

export interface ApiKey {
  id: number;
  name: string;
  secret: string;
  createdAt: string;
  /** Milliseconds; null never expires. */
  expiresAt: number | null;
}

/** Who asks, in which companies, and how archived rows are treated. */
export interface Session {
  account: Account;
  companies: readonly number[];
  activeTest: boolean;
  now: number;
  version: Version;
}

export function keyIsValid(key: ApiKey, now: number): boolean {
  return key.expiresAt === null || key.expiresAt > now;
}

/** Reads the context of a call; a company that the user lacks is refused. */
export function openSession(
  account: Account,
  context: unknown,
  { now, version }: { now: number; version: Version },
): Session {
  const given = (typeof context === 'object' && context !== null ? context : {}) as Record<string, unknown>;
  const asked = given['allowed_company_ids'];
  const companies = Array.isArray(asked) && asked.length > 0 ? (asked as number[]) : account.companies;
  if (!companies.every((id) => account.companies.includes(id))) {
    throw accessError('Access to unauthorized or invalid companies.');
  }
  return { account, companies, activeTest: given['active_test'] !== false, now, version };
}

const groups: Record<string, readonly string[]> = {
  'mrp.production': [
    'Inventory/User',
    'Manufacturing/Administrator',
    'Manufacturing/User',
    'Sales/User: Own Documents Only',
  ],
  'mrp.workorder': ['Manufacturing/Administrator', 'Manufacturing/User'],
  'mrp.workcenter': ['Manufacturing/Administrator', 'Manufacturing/User'],
  'sale.order': ['Sales/User: Own Documents Only'],
  'stock.move': ['Inventory/User', 'Manufacturing/User'],
};

function refusal(verb: string, { name, label }: Model): Error {
  const allowed = (groups[name] ?? ['Role / User']).map((group) => `\t- ${group}\n`).join('');
  return accessError(
    `You are not allowed to ${verb} '${label}' (${name}) records.\n\n` +
      `This operation is allowed for the following groups:\n${allowed}\n` +
      'Contact your administrator to request access if necessary.',
  );
}

export function hasAccess(model: Model, operation: string, { account }: Session): boolean {
  return account.rights.get(model.name) !== 'none' && (operation === 'read' || account.writes);
}

export function requireAccess(model: Model, operation: 'read' | 'write' | 'create' | 'unlink', session: Session): void {
  if (hasAccess(model, operation, session)) return;
  const verb = { read: 'access', write: 'modify', create: 'create', unlink: 'delete' }[operation];
  throw refusal(verb, model);
}

const administrator = 2;

/** The record rules: companies, hidden models, one's own API keys. */
export function maySee(model: Model, row: Row, session: Session): boolean {
  const { account } = session;
  if (account.rights.get(model.name) === 'hidden') return false;
  // Everybody sees their own keys, the administrator all.
  if (model.name === 'res.users.apikeys') return row['user_id'] === account.id || account.id === administrator;
  if (model.name === 'res.company') return account.companies.includes(row.id);
  const company = row['company_id'] ?? null;
  return company === null || session.companies.includes(company as number);
}

const companyOf: Record<string, readonly [string, string]> = {
  'mrp.workorder': ['mrp.production', 'production_id'],
  'sale.order.line': ['sale.order', 'order_id'],
};

/** Rows without a company of their own are seen with their document. */
export function maySeeWithParent(
  model: Model,
  row: Row,
  { session, database }: { session: Session; database: Database },
): boolean {
  if (!maySee(model, row, session)) return false;
  const [parent, link] = companyOf[model.name] ?? [];
  if (parent === undefined || link === undefined) return true;
  const document = database.table(parent).get(row[link] as number);
  const described = database.models.get(parent);
  return document === undefined || described === undefined || maySee(described, document, session);
}

/** What reading a row by id meets when a record rule hides it. */
export function hiddenRecord(
  model: Model,
  row: Row,
  { session, database }: { session: Session; database: Database },
): Error {
  const user = database.table('res.users').get(session.account.id);
  const company = row['company_id'];
  const named = typeof company === 'number' ? database.table('res.company').get(company) : undefined;
  const lines = [
    'Uh-oh! Looks like you have stumbled upon some top-secret records.',
    `Sorry, ${user?.['name']} (id=${session.account.id}) doesn't have 'read' access to:\n- ${model.label} (${model.name})`,
    'If you really, really need access, perhaps you can win over your friendly administrator with a batch of freshly baked cookies.',
  ];
  if (named === undefined || !session.account.companies.includes(named.id)) return accessError(lines.join('\n\n'));
  const name = String(named['name']);
  lines.push(
    `This seems to be a multi-company issue, you might be able to access the record by switching to the company: ${name}.`,
  );
  const context: Json = { suggested_company: { id: named.id, display_name: name } };
  return accessError(lines.join('\n\n'), context);
}

/** True for fields that a client names in a domain to see archived rows. */
export function hidesArchived(fields: Record<string, Field>, named: ReadonlySet<string>, session: Session): boolean {
  return 'active' in fields && session.activeTest && !named.has('active');
}

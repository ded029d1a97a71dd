import { PermanentError } from '../../../core/errors.ts';
import { parseTime } from '../../values.ts';

/**
 * Pieces of SuiteQL. There are no bind parameters over REST: every value that goes into a query is checked here, so that none,
 * however hostile, can leave its literal.
 */

/** The one form in which times go in and come out: without it, NetSuite shows days in the date format of the user. */
const secondMask = 'YYYY-MM-DD HH24:MI:SS';

/** An internal id as a number literal. */
export function idLiteral(id: unknown): string {
  if (isId(id)) return String(id);
  throw new PermanentError(`${JSON.stringify(id)?.slice(0, 80)} is no internal id of NetSuite.`);
}

/** Whole numbers, below zero for what NetSuite itself put there. */
export function isId(id: unknown): id is string | number {
  return (typeof id === 'string' || typeof id === 'number') && /^-?\d{1,18}$/.test(String(id));
}

/** The name of a column, as it stands in a query and as the row is known by. */
export function columnName(name: string): string {
  if (columnForm.test(name)) return name;
  throw new PermanentError(`${JSON.stringify(name).slice(0, 80)} is no name of a column in SuiteQL.`);
}

/** Letters, digits and underscores: anything else could end the name and begin something else. */
export const columnForm = /^[A-Za-z]\w{0,62}$/;

/** A point in time as a column shows it, in UTC to the second; read back by `readSecond`. */
export function utcSecond(column: string): string {
  return `TO_CHAR(SYS_EXTRACT_UTC(${column}), '${secondMask}')`;
}

/** The same in the zone of the token's user. */
export function localSecond(column: string): string {
  return `TO_CHAR(${column}, '${secondMask}')`;
}

/** A day, which has no zone. */
export function day(column: string): string {
  return `TO_CHAR(${column}, 'YYYY-MM-DD')`;
}

/** `column operator time`, compared in UTC; the time is cut to the second, as stamps are. */
export function compareSecond(column: string, operator: '>=' | '<' | '<=', time: string): string {
  return `SYS_EXTRACT_UTC(${column}) ${operator} TO_TIMESTAMP('${secondText(time)}', '${secondMask}')`;
}

/** The time of a column made by `utcSecond`, as ISO-8601 UTC; null when there is none. */
export function readSecond(raw: unknown): string | null {
  const time = typeof raw === 'string' ? parseTime(raw) : undefined;
  return time === undefined ? null : time.toISOString();
}

function secondText(time: string): string {
  const parsed = parseTime(time);
  if (parsed === undefined) throw new PermanentError(`${JSON.stringify(time)} is no time for a SuiteQL literal.`);
  return parsed.toISOString().slice(0, 19).replace('T', ' ');
}

/** All of these conditions; each with an OR in it stands in brackets. */
export function allOf(...conditions: readonly (string | undefined)[]): string {
  const present = conditions.filter((condition) => condition !== undefined && condition !== '');
  return present.map((condition) => (/\bor\b/i.test(condition ?? '') ? `(${condition})` : condition)).join(' AND ');
}

export interface Select {
  /** Row name -> SuiteQL expression. */
  columns: Readonly<Record<string, string>>;
  /** Table with its alias. */
  from: string;
  where: string;
  orderBy?: string;
}

/** One query. Every column has its name given: how NetSuite names an expression by itself may change with any release. */
export function selectText({ columns, from, where, orderBy }: Select): string {
  const list = Object.entries(columns).map(([name, expression]) => `${expression} AS ${columnName(name)}`);
  const conditions = where === '' ? '' : ` WHERE ${where}`;
  return `SELECT ${list.join(', ')} FROM ${from}${conditions}${orderBy === undefined ? '' : ` ORDER BY ${orderBy}`}`;
}

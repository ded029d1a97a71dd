import type { Columns } from './columns.ts';
import type { Row } from './pages.ts';

/** Whether a listed row shows what was sent; columns that the list does not show say nothing. */
export function shows(row: Row, sent: Columns): boolean {
  return Object.entries(sent).every(([name, value]) => !(name in row) || same(value, row[name]));
}

function same(sent: unknown, is: unknown): boolean {
  if (sent === (is ?? null)) return true;
  if (typeof sent === 'number') return typeof is === 'string' && Number(is) === sent;
  if (typeof sent !== 'string' || typeof is !== 'string') return false;
  const [wanted, found] = [instant(sent), instant(is)];
  return wanted !== undefined && wanted === found;
}

const instantForm = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}|$)/;

/** Milliseconds; a day is its midnight UTC, as the MES keeps it. */
function instant(text: string): number | undefined {
  const ms = instantForm.test(text) ? Date.parse(text.replace(' ', 'T')) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

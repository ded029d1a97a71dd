import type { Database, Row, Value } from './database.ts';
import type { Column } from './schema.ts';

export type Language = 'en' | 'es';

const statuses: Record<Language, Record<string, Record<string, string>>> = {
  en: {
    SalesOrd: {
      A: 'Pending Approval',
      B: 'Pending Fulfillment',
      C: 'Cancelled',
      D: 'Partially Fulfilled',
      E: 'Pending Billing/Partially Fulfilled',
      F: 'Pending Billing',
      G: 'Billed',
      H: 'Closed',
    },
    WorkOrd: { A: 'Planned', B: 'Released', C: 'Cancelled', D: 'In Process', G: 'Built', H: 'Closed' },
  },
  es: {
    SalesOrd: {
      A: 'Aprobación pendiente',
      B: 'Ejecución pendiente',
      C: 'Cancelado',
      D: 'Parcialmente ejecutado',
      E: 'Facturación pendiente/Parcialmente ejecutado',
      F: 'Facturación pendiente',
      G: 'Facturado',
      H: 'Cerrado',
    },
    WorkOrd: { A: 'Planificado', B: 'Lanzado', C: 'Cancelado', D: 'En proceso', G: 'Ensamblado', H: 'Cerrado' },
  },
};

const typeNames: Record<Language, Record<string, string>> = {
  en: { SalesOrd: 'Sales Order', WorkOrd: 'Work Order', PurchOrd: 'Purchase Order' },
  es: { SalesOrd: 'Orden de venta', WorkOrd: 'Orden de trabajo', PurchOrd: 'Orden de compra' },
};

/** What BUILTIN.DF shows: a name in the language of the user, or the value itself where there is none. */
export function displayOf(
  { column, row, value }: { column: Column; row: Row; value: Value },
  { database, language }: { database: Database; language: Language },
): Value {
  if (value === null) return null;
  const type = String(row['type']);
  if (column.status === true)
    return `${typeNames[language][type] ?? type} : ${statuses[language][type]?.[value] ?? value}`;
  if (column.refers === undefined) return value;
  const target = database.table(column.refers).get(Number(value));
  return target === undefined ? value : nameOf(column.refers, target, language);
}

function nameOf(table: string, row: Row, language: Language): Value {
  const text = (column: string): string => String(row[column] ?? '');
  if (table === 'customer') return `${text('entityid')} ${text('companyname')}`.trim();
  if (table === 'transaction') return `${typeNames[language][text('type')] ?? text('type')} #${text('tranid')}`;
  return row[{ item: 'itemid', entitygroup: 'groupname', location: 'name' }[table] ?? 'key'] ?? null;
}

/** What BUILTIN.CF shows: `WorkOrd:B` for a status, whatever the language. */
export function codeOf(column: Column, row: Row, value: Value): Value {
  return column.status === true && value !== null ? `${String(row['type'])}:${value}` : value;
}

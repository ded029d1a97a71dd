import type { Version } from './errors.ts';

export type FieldType =
  | 'integer'
  | 'float'
  | 'monetary'
  | 'char'
  | 'text'
  | 'html'
  | 'boolean'
  | 'date'
  | 'datetime'
  | 'selection'
  | 'many2one'
  | 'one2many'
  | 'many2many';

/** One field of a model as `fields_get` describes it. */
export interface Field {
  type: FieldType;
  string: string;
  relation?: string;
  /** For one2many: the many2one on the other side. */
  inverse?: string;
  selection?: readonly (readonly [string, string])[];
  /** False: computed on reading; it moves nothing, and nothing can be sorted by it. */
  store?: false;
  /** Not stored, but a condition on it works: it stands on a related row. */
  related?: true;
  required?: true;
  readonly?: true;
  /** Releases that have it; both when absent. */
  only?: Version;
  /** Module without which the field does not exist. */
  module?: Module;
}

/** Modules that an installation may lack. */
export type Module = 'maintenance' | 'sale';

export interface Model {
  name: string;
  /** What people call it, as access errors do. */
  label: string;
  /** Order of a search that names none, a list of `field` or `field desc`. */
  order: string;
  module?: Module;
  fields: Record<string, Field>;
}

export const many = (relation: string, string: string, rest: Partial<Field> = {}): Field => ({
  type: 'many2one',
  string,
  relation,
  ...rest,
});
export const plain = (type: FieldType, string: string, rest: Partial<Field> = {}): Field => ({ type, string, ...rest });
export const choice = (string: string, selection: Field['selection'] & object, rest: Partial<Field> = {}): Field => ({
  type: 'selection',
  string,
  selection,
  ...rest,
});

export const heads: Record<string, Field> = {
  id: plain('integer', 'ID', { readonly: true }),
  display_name: plain('char', 'Display Name', { store: false, readonly: true }),
};
/** What every table has, after its own fields. */
export const stamps: Record<string, Field> = {
  create_uid: many('res.users', 'Created by', { readonly: true }),
  create_date: plain('datetime', 'Created on', { readonly: true }),
  write_uid: many('res.users', 'Last Updated by', { readonly: true }),
  write_date: plain('datetime', 'Last Updated on', { readonly: true }),
};
export const company = many('res.company', 'Company');

export const workOrderStates17 = [
  ['pending', 'Waiting for another WO'],
  ['waiting', 'Waiting for components'],
  ['ready', 'Ready'],
  ['progress', 'In Progress'],
  ['done', 'Finished'],
  ['cancel', 'Cancelled'],
] as const;
export const workOrderStates19 = [
  ['blocked', 'Blocked'],
  ['ready', 'To Do'],
  ['progress', 'In Progress'],
  ['done', 'Finished'],
  ['cancel', 'Cancelled'],
] as const;
export const productionStates = [
  ['draft', 'Draft'],
  ['confirmed', 'Confirmed'],
  ['progress', 'In Progress'],
  ['to_close', 'To Close'],
  ['done', 'Done'],
  ['cancel', 'Cancelled'],
] as const;
export const saleStates = [
  ['draft', 'Quotation'],
  ['sent', 'Quotation Sent'],
  ['sale', 'Sales Order'],
  ['cancel', 'Cancelled'],
] as const;

import { z } from 'zod';

/** What the streams of Odoo share: the forms of values, and what mappings need beside the row. */

/** What mappings need beside the row; see docs/connectors/odoo.md for every field. */
export interface OdooContext {
  source: string;
  numberPrefix: string;
}

export const id = z.number();
export const text = z.string().nullish();
export const amount = z.number().nullish();
export const flag = z.boolean().nullish();
/** A many2one: its id and its name. */
export const link = z.union([z.tuple([z.number(), z.string()]), z.number()]);
export const maybeLink = link.nullish();

/** What the job of an order without a sales order is called. */
export const stockPrefix = 'STOCK-';

export const hourly = 3600;
export const daily = 86_400;

/** States of a manufacturing order that the MES is told of. */
export const made: ReadonlySet<unknown> = new Set(['confirmed', 'progress', 'to_close', 'done']);

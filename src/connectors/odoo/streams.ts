import type { OdooStreamDefinition } from '../protocols/odoo/stream.ts';
import { equipment } from './equipment.ts';
import { manufacturingOrders } from './manufacturing-orders.ts';
import type { OdooContext } from './rows.ts';
import { salesOrders } from './sales-orders.ts';
import { workCenters } from './work-centers.ts';
import { workOrders } from './work-orders.ts';

/** The streams in dependency order: parents before children. */
export const odooStreams: readonly OdooStreamDefinition<OdooContext>[] = [
  workCenters,
  equipment,
  salesOrders,
  manufacturingOrders,
  workOrders,
];

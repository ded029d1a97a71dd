import type { ODataStreamDefinition } from '../protocols/odata/stream.ts';
import { equipment } from './equipment.ts';
import { operations } from './operations.ts';
import { productionOrders } from './production-orders.ts';
import type { SapContext } from './rows.ts';
import { salesOrders } from './sales-orders.ts';
import { workCenters } from './work-centers.ts';

/** The standard streams in dependency order: parents before children. */
export const sapStreams: readonly ODataStreamDefinition<SapContext>[] = [
  workCenters,
  equipment,
  salesOrders,
  productionOrders,
  operations,
];

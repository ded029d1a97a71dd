import type { SuiteQlStreamDefinition } from '../protocols/suiteql/stream.ts';
import { operationTasks } from './operation-tasks.ts';
import type { NetSuiteContext } from './rows.ts';
import { salesOrders } from './sales-orders.ts';
import { workCenters } from './work-centers.ts';
import { workOrders } from './work-orders.ts';

/** In dependency order: parents before children. */
export const netSuiteStreams: readonly SuiteQlStreamDefinition<NetSuiteContext>[] = [
  workCenters,
  salesOrders,
  workOrders,
  operationTasks,
];

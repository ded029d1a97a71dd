import { demands } from './demands.ts';
import { manufacturingOrders } from './manufacturing-orders.ts';
import { resources } from './resources.ts';
import type { StreamDefinition } from './stream.ts';
import { workOrders } from './work-orders.ts';

/** The lists of FrePPLe in dependency order: parents before children. */
export const freppleStreams: readonly StreamDefinition[] = [resources, demands, manufacturingOrders, workOrders];

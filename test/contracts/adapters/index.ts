import type { Adapter } from './adapter.ts';
import { freppleAdapter } from './frepple.ts';
import { netSuiteAdapter } from './netsuite.ts';
import { odooAdapter } from './odoo.ts';
import { sapAdapter } from './sap.ts';

/** One adapter a connector. A connector without one fails the suite. */
export const adapters: readonly Adapter[] = [sapAdapter, netSuiteAdapter, odooAdapter, freppleAdapter];

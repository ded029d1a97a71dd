import type { AnyConnector } from './connector.ts';
import { frepple } from './frepple/index.ts';
import { netsuite } from './netsuite/index.ts';
import { odoo } from './odoo/index.ts';
import { sap } from './sap/index.ts';

/** Every connector this build knows. A new one is a folder beside these and one line here. */
export const connectors: readonly AnyConnector[] = [sap, netsuite, odoo, frepple];

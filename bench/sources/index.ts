import { frepple } from './frepple.ts';
import { netsuite } from './netsuite.ts';
import { odoo } from './odoo.ts';
import { sap } from './sap.ts';
import type { Source } from './source.ts';

/** The ERPs that can be measured, SAP first: the bars are set for it. */
export const sources = { sap, netsuite, odoo, frepple } satisfies Record<string, Source>;

export type SourceName = keyof typeof sources;

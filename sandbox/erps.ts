import { type FreppleOptions, type FreppleSimulator, startFrepple } from './frepple/index.ts';
import { type NetSuiteOptions, type NetSuiteSimulator, startNetSuite } from './netsuite/index.ts';
import { type OdooOptions, type OdooSimulator, startOdoo } from './odoo/index.ts';
import { type SapOptions, type SapSimulator, startSap } from './sap/index.ts';
import type { ErpSimulator } from './types.ts';

export interface Simulators {
  sap: SapSimulator;
  netsuite: NetSuiteSimulator;
  odoo: OdooSimulator;
  frepple: FreppleSimulator;
}

export type ErpKind = keyof Simulators;

/** In the order in which they share the records. */
export const erpKinds: readonly ErpKind[] = ['sap', 'netsuite', 'odoo', 'frepple'];

/** Of each ERP: fewer would lack a record of one kind or another. */
export const fewestRecords = 20;

/** What is peculiar to one kind of ERP. */
export interface ErpOptions {
  sap?: Omit<SapOptions, keyof CommonOptions>;
  netsuite?: Omit<NetSuiteOptions, keyof CommonOptions | 'physicalDeletes'>;
  odoo?: Omit<OdooOptions, keyof CommonOptions | 'physicalDeletes'>;
  frepple?: Omit<FreppleOptions, keyof CommonOptions>;
}

/** What every simulated ERP is told. */
export interface CommonOptions {
  seed: number;
  records: number;
  /** Where the simulated clock starts; by default an instant of 2026 that depends on the seed. */
  startAt?: Date;
  /** Whole records are deleted, and some created again under their old numbers. */
  deletes?: boolean;
}

/** One running ERP of a sandbox. */
export interface Erp {
  kind: ErpKind;
  simulator: ErpSimulator;
  /** What a config file needs to reach it, by the names of its placeholders. */
  environment: Readonly<Record<string, string>>;
}

type Start = (common: CommonOptions, own: ErpOptions) => Promise<Erp>;

const starters: Readonly<Record<ErpKind, Start>> = {
  async sap(common, own) {
    const simulator = await startSap({ ...common, ...own.sap });
    const { username, password, client } = simulator.credentials;
    const environment = {
      SANDBOX_SAP_URL: simulator.url,
      SANDBOX_SAP_USER: username,
      SANDBOX_SAP_PASSWORD: password,
      SANDBOX_SAP_CLIENT: client,
    };
    return { kind: 'sap', simulator, environment };
  },
  async netsuite({ deletes = false, ...common }, own) {
    const simulator = await startNetSuite({ ...common, physicalDeletes: deletes, ...own.netsuite });
    const { credentials, timeZone } = simulator;
    const environment = {
      SANDBOX_NETSUITE_URL: simulator.url,
      SANDBOX_NETSUITE_ACCOUNT: credentials.accountId,
      SANDBOX_NETSUITE_CONSUMER_KEY: credentials.consumerKey,
      SANDBOX_NETSUITE_CONSUMER_SECRET: credentials.consumerSecret,
      SANDBOX_NETSUITE_TOKEN_ID: credentials.tokenId,
      SANDBOX_NETSUITE_TOKEN_SECRET: credentials.tokenSecret,
      SANDBOX_NETSUITE_CLIENT_ID: credentials.clientId,
      SANDBOX_NETSUITE_CERTIFICATE_ID: credentials.certificateId,
      SANDBOX_NETSUITE_PRIVATE_KEY: credentials.privateKey,
      SANDBOX_NETSUITE_TIME_ZONE: timeZone,
    };
    return { kind: 'netsuite', simulator, environment };
  },
  async odoo({ deletes = false, ...common }, own) {
    const simulator = await startOdoo({ ...common, physicalDeletes: deletes, ...own.odoo });
    const { database, username, password, apiKey } = simulator.credentials;
    const environment = {
      SANDBOX_ODOO_URL: simulator.url,
      SANDBOX_ODOO_DATABASE: database,
      SANDBOX_ODOO_USER: username,
      SANDBOX_ODOO_PASSWORD: password,
      SANDBOX_ODOO_API_KEY: apiKey,
    };
    return { kind: 'odoo', simulator, environment };
  },
  async frepple(common, own) {
    const simulator = await startFrepple({ ...common, ...own.frepple });
    const { username, password, apiKey } = simulator.credentials;
    const environment = {
      SANDBOX_FREPPLE_URL: simulator.url,
      SANDBOX_FREPPLE_USER: username,
      SANDBOX_FREPPLE_PASSWORD: password,
      SANDBOX_FREPPLE_API_KEY: apiKey,
      SANDBOX_FREPPLE_TIME_ZONE: simulator.timeZone,
    };
    return { kind: 'frepple', simulator, environment };
  },
};

/** Starts ERPs on ports of their own, each with its share of the records. Throws `RangeError` when there are too few to share. */
export async function startErps(
  kinds: readonly ErpKind[],
  { records, ...common }: CommonOptions,
  own: ErpOptions,
): Promise<Erp[]> {
  const share = Math.floor(records / kinds.length);
  if (share < fewestRecords) {
    throw new RangeError(`${kinds.length} simulated ERPs need at least ${fewestRecords * kinds.length} records.`);
  }
  const rest = records - share * kinds.length;
  return Promise.all(
    kinds.map((kind, index) => starters[kind]({ ...common, records: index === 0 ? share + rest : share }, own)),
  );
}

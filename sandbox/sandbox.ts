import { type Comparison, compareImages, sumUp } from './compare.ts';
import { type CommonOptions, type Erp, type ErpKind, type ErpOptions, type Simulators, startErps } from './erps.ts';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from './eryxon/simulator.ts';
import { type FaultLevel, faultsOf } from './faults.ts';
import { projectImage, withNumberPrefix } from './projection.ts';
import type { Faults } from './types.ts';

/** The size and the manners of a sandbox. */
export interface SandboxOptions<Kind extends ErpKind = ErpKind>
  extends CommonOptions,
    ErpOptions,
    Pick<EryxonOptions, 'generation' | 'apiKey' | 'dailyLimit' | 'bulk' | 'released'> {
  /** Everything in the sandbox follows from it: records, history, faults, ids. */
  seed: number;
  /** Records of a first full pass over all its ERPs, at least 20 for each. */
  records: number;
  /** SAP alone when absent. */
  erps?: readonly Kind[];
  /** Of all simulators; `none` when absent. */
  faults?: FaultLevel | Faults;
  /** The clock of the MES, and of signatures; the machine's when absent. The ERPs have clocks of their own. */
  mesNow?: () => Date;
}

/** How an ERP's records are named in the MES. */
export interface Naming {
  /** Their `external_source`. */
  source: string;
  /** What stands before their job numbers. */
  numberPrefix: string;
}

export type Namings = Partial<Record<ErpKind, Naming>>;

/** ERPs and a MES that have never heard of each other, and the means to tell whether the daemon introduced them. */
export type Sandbox<Kind extends ErpKind = 'sap'> = Pick<Simulators, Kind> & AnySandbox;

export interface AnySandbox {
  erps: readonly Erp[];
  mes: EryxonSimulator;
  /** What a config file needs to reach all of them, by the names of the placeholders in config/demo.yaml. */
  environment: Readonly<Record<string, string>>;
  setFaults(level: FaultLevel | Faults): void;
  /**
   * What the ERPs imply, as far as this generation of the MES can hold it, against what the MES holds now. An ERP that is
   * not named there owns all that the MES holds.
   */
  compare(namings?: Namings): Comparison;
  stop(): Promise<void>;
}

/** Starts all simulators on ports of their own. Throws `RangeError` when there are too few records for the ERPs to share. */
export async function startSandbox<Kind extends ErpKind = 'sap'>(
  options: SandboxOptions<Kind>,
): Promise<Sandbox<Kind>> {
  const { erps: kinds = ['sap'], faults = 'none', seed, records, startAt, deletes, mesNow } = options;
  const common = { seed, records, ...(startAt && { startAt }), ...(deletes !== undefined && { deletes }) };
  const netsuite = { ...(mesNow && { signingClock: mesNow }), ...options.netsuite };
  const erps = await startErps(kinds, common, { ...options, netsuite });
  const mes = await startEryxon(mesOptions(options));
  const simulators = Object.fromEntries(erps.map(({ kind, simulator }) => [kind, simulator])) as Pick<Simulators, Kind>;
  function setFaults(level: FaultLevel | Faults): void {
    for (const simulator of [...erps.map((erp) => erp.simulator), mes]) simulator.setFaults(faultsOf(level));
  }
  setFaults(faults);
  return {
    ...simulators,
    erps,
    mes,
    environment: Object.assign(
      { SANDBOX_MES_URL: `${mes.url}/functions/v1`, SANDBOX_MES_API_KEY: mes.apiKey },
      ...erps.map(({ environment }) => environment),
    ),
    setFaults,
    compare: (namings = {}) => sumUp(erps.map((erp) => compareErp(erp, mes, namings[erp.kind]))),
    async stop() {
      await Promise.all([...erps.map(({ simulator }) => simulator.stop()), mes.stop()]);
    },
  };
}

function compareErp({ simulator }: Erp, mes: EryxonSimulator, naming: Naming | undefined): Comparison {
  const expected = withNumberPrefix(simulator.expected(), naming?.numberPrefix ?? '');
  return compareImages(projectImage(mes.generation, expected), mes.image(naming?.source), simulator.optional());
}

function mesOptions(options: SandboxOptions): EryxonOptions {
  const { seed, mesNow, generation, apiKey, dailyLimit, bulk, released } = options;
  return {
    seed,
    ...(generation === undefined ? {} : { generation }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(dailyLimit === undefined ? {} : { dailyLimit }),
    ...(bulk === undefined ? {} : { bulk }),
    ...(released === undefined ? {} : { released }),
    ...(mesNow === undefined ? {} : { now: mesNow }),
  };
}

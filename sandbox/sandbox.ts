import { type Comparison, compareImages } from './compare.ts';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from './eryxon/simulator.ts';
import { type FaultLevel, faultsOf } from './faults.ts';
import { projectImage } from './projection.ts';
import { type SapSimulator, startSap } from './sap/index.ts';
import type { Faults } from './types.ts';

type SapOptions = Parameters<typeof startSap>[0];

/** The size and the manners of a sandbox; what is not named here is passed on to the simulator it belongs to. */
export interface SandboxOptions
  extends Omit<SapOptions, 'seed' | 'records'>,
    Pick<EryxonOptions, 'generation' | 'apiKey' | 'dailyLimit' | 'bulk' | 'released'> {
  /** Everything in the sandbox follows from it: records, history, faults, ids. */
  seed: number;
  /** Records in the ERP at the start. */
  records: number;
  /** Of both simulators; `none` when absent. */
  faults?: FaultLevel | Faults;
  /** The clock of the MES; the machine's when absent. The ERP has a clock of its own. */
  mesNow?: () => Date;
}

/** An ERP and a MES that have never heard of each other, and the means to tell whether the daemon introduced them. */
export interface Sandbox {
  sap: SapSimulator;
  mes: EryxonSimulator;
  setFaults(level: FaultLevel | Faults): void;
  /** What the ERP implies, as far as this generation of the MES can hold it, against what the MES holds now. */
  compare(): Comparison;
  stop(): Promise<void>;
}

/** Starts both simulators on ports of their own. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { faults = 'none', mesNow, generation, apiKey, dailyLimit, bulk, released, ...sapOptions } = options;
  const sap = await startSap(sapOptions);
  const mes = await startEryxon({
    seed: options.seed,
    ...(generation === undefined ? {} : { generation }),
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(dailyLimit === undefined ? {} : { dailyLimit }),
    ...(bulk === undefined ? {} : { bulk }),
    ...(released === undefined ? {} : { released }),
    ...(mesNow === undefined ? {} : { now: mesNow }),
  });
  function setFaults(level: FaultLevel | Faults): void {
    for (const simulator of [sap, mes]) simulator.setFaults(faultsOf(level));
  }
  setFaults(faults);
  return {
    sap,
    mes,
    setFaults,
    compare: () => compareImages(projectImage(mes.generation, sap.expected()), mes.image(), sap.optional()),
    async stop() {
      await Promise.all([sap.stop(), mes.stop()]);
    },
  };
}

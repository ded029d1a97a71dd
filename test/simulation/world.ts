import { compareImages } from '../../sandbox/compare.ts';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { createEryxon, type EryxonSystem } from '../../sandbox/eryxon/simulator.ts';
import type { Handler } from '../../sandbox/http.ts';
import { projectImage } from '../../sandbox/projection.ts';
import type { Random } from '../../sandbox/random.ts';
import { createSap } from '../../sandbox/sap/index.ts';
import { type MesImage, type Table, tables } from '../../sandbox/types.ts';
import { type App, openApp } from '../../src/app/app.ts';
import type { AnyConnector } from '../../src/connectors/connector.ts';
import { createEventBus, type ReconcileResult, type StreamResult } from '../../src/core/events.ts';
import type { PassRequest } from '../../src/scheduler/pass-types.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import type { Store } from '../../src/state/store.ts';
import { type CrashPlan, createCrashPlan } from '../support/faulting.ts';
import { createSimulatedClock, type SimulatedClock } from './clock.ts';
import { crashDiskAt, reviveDisk } from './disk.ts';
import { openInMemory } from './memory-databases.ts';
import { ModelErp, type ModelSetting } from './model-erp.ts';
import { createNetwork, type Network } from './network.ts';
import { bringNewState, makeDirectory, removeState } from './new-state.ts';
import { type Credentials, configOf, connectorName } from './run-config.ts';

/** What the seed decides once for the whole run; the sizes may change at a restart. */
export interface Setting {
  seed: number;
  generation: Generation;
  /** The simulated S/4HANA over its protocol, or the small ERP behind the port of an OData service. */
  erp: 'sap' | ModelSetting;
  /** Of the simulated S/4HANA; 20 when absent. */
  records?: number;
  /** Of the simulated S/4HANA: whole records are deleted, archived and created again. */
  deletes?: boolean;
  /** What the MES takes a day; without end when absent. */
  requestsPerDay?: number;
  /** The daemon has been told so, and plans with it. */
  plansDay?: boolean;
  /** Every update is read back where the answer proves nothing: then no lie may last. */
  provesAll?: boolean;
  /** What becomes in the MES of what is gone from the ERP, of all entities; marked when absent. */
  policy?: 'delete';
  pageSize: number;
  batchSize: number;
  maxConcurrency: number;
}

/** What both ERPs offer. */
interface Erp {
  now(): Date;
  advance(ms: number): void;
  settle(): void;
  play(events: number): string[];
  checkpoint(): void;
  expected(): MesImage;
  optional(): Set<string>;
  /** Whether the ERP shows that record no more: if it never came to the MES, it need not. */
  isGone(table: Table, externalId: string): boolean;
  /** Something was written that only a whole read can find. */
  unstamped?: boolean;
  /** Children went and their parents' stamps did not move: only the periodic mark of open parents finds that. */
  readonly markNeeded: boolean;
  /** Something went that only a comparison of all keys can find. */
  readonly reconcileNeeded: boolean;
  /** Where it is there, nothing may be on hold in the MES but what the oracle says and what this allows. */
  mayBeOnHold?(name: string): boolean;
  /** When a record got its present content, by `<table>/<externalId>`. */
  changedAt?(name: string): number;
  /** Of the small ERP alone: one transaction of that kind, visible at once. */
  perform?: ModelErp['perform'];
  /** Set: the next such list lacks one row. */
  hides?: 'children' | 'keys' | undefined;
  /** How far the clock that it shows is off; stamps go by another. */
  clockOffMs?: number;
  clockWasOff?: boolean;
}

/** A value that somebody at the MES has set by hand. */
interface HandEdit {
  field: string;
  /** Time of the ERP. */
  at: number;
}

/** The whole program between two simulated systems, with everything that is outside of it in our hands. */
export interface World {
  clock: SimulatedClock;
  erp: Erp;
  mes: EryxonSystem;
  network: Network;
  app(): App;
  /** Where the state is. */
  directory: string;
  /** One cycle; `scheduled` as the daemon runs it, else as a person asks for it. Never throws. */
  pass(how?: { full?: boolean; scheduled?: boolean; release?: boolean }): Promise<StreamResult[]>;
  /** Compares all keys, as a person asks for it. Never throws. */
  reconcile(how?: { release?: boolean; mes?: boolean }): Promise<ReconcileResult[]>;
  /** The latest by `<table>/<externalId>`: it stays until the ERP changes the record. */
  edits: Map<string, HandEdit>;
  /** Names of records that somebody removed from the MES, with what went along. */
  removed: Set<string>;
  /** Stopped in good order and started again. */
  restart(changed?: Partial<Setting>): Promise<void>;
  /** Like a power cut and a new start: nothing but the disk is left. */
  crash(): Promise<void>;
  /** From now on steps count against this plan. */
  setPlan(plan: CrashPlan): void;
  plan(): CrashPlan;
  differences(): string[];
  close(): Promise<void>;
}

const mesStart = new Date('2026-11-02T06:00:00.000Z');
const signal = new AbortController().signal;
const fewestRecords = 20;
/** Twice the settle time: of two checkpoints so far apart a pass lies between them that asks for all that the first one saw. */
const apartMs = 242_000;

interface Outside {
  erp: Erp;
  handler: Handler;
  credentials: Credentials;
  connectors(network: Network): readonly AnyConnector[] | undefined;
}

function openErp({ seed, erp: kind, records = fewestRecords, deletes = false }: Setting, random: Random): Outside {
  if (kind === 'sap') {
    const sap = createSap({ seed, records, deletes });
    let counted = Number.NEGATIVE_INFINITY;
    const erp: Erp = {
      ...sap,
      checkpoint() {
        if (sap.now().getTime() - counted < apartMs) return;
        counted = sap.now().getTime();
        sap.checkpoint();
      },
      get markNeeded() {
        return sap.unmoved();
      },
      reconcileNeeded: deletes,
    };
    return { erp, handler: sap.handle, credentials: sap.credentials, connectors: () => undefined };
  }
  const erp = new ModelErp(random.fork('erp'), kind);
  return {
    erp,
    handler: () => ({ status: 404, body: '' }),
    credentials: { username: 'model', password: 'model', client: '100' },
    connectors: (network) => [erp.connector((what, answer) => network.ask(what, answer))],
  };
}

export async function openWorld(setting: Setting, random: Random, trace: (line: string) => void): Promise<World> {
  const directory = makeDirectory();
  const outside = openErp(setting, random);
  const { erp } = outside;
  const clock = createSimulatedClock(mesStart, (ms) => erp.advance(ms));
  const { seed, generation, requestsPerDay: dailyLimit } = setting;
  const limited = dailyLimit === undefined ? {} : { dailyLimit };
  const mes = createEryxon({ seed, generation, now: () => clock.now(), ...limited });
  const edits: World['edits'] = new Map();
  let plan = createCrashPlan(0, 'before');
  const network = createNetwork({
    handlers: { erp: outside.handler, mes: mes.handle },
    erpNow: erp.now,
    clock,
    random: random.fork('network'),
    plan: () => plan,
    trace,
  });
  const known = outside.connectors(network);
  let current = setting;
  const jitter = random.fork('jitter');
  const open = async () =>
    openApp({
      config: await configOf(current, { directory, apiKey: mes.apiKey, credentials: outside.credentials }),
      clock,
      events: createEventBus((error) => {
        throw error;
      }),
      random: jitter.next,
      attempts: 3,
      openHttp: network.openHttp,
      openStore: async (options) =>
        steppingStore(await openEmbeddedStore({ ...options, openDatabase: openInMemory }), () => plan),
      ...(known === undefined ? {} : { connectors: known }),
    });
  if (random.fork('state').chance(0.9)) await bringNewState(directory, clock);
  let app = await clock.run(open());
  return {
    clock,
    erp,
    mes,
    network,
    directory,
    app: () => app,
    pass: ({ full = false, scheduled = false, release = false } = {}) =>
      clock.run(runCycle(app, { full, manual: !scheduled, release })),
    reconcile: ({ release = false, mes: withMes = false } = {}) =>
      clock.run(app.reconcile({ selection: [], release, mes: withMes }, (_name, task) => task(signal))),
    edits,
    removed: new Set(),
    async restart(changed = {}) {
      current = { ...current, ...changed };
      await clock.run(app.close());
      app = await clock.run(open());
    },
    async crash() {
      // What was only in memory is not written while the program goes.
      crashDiskAt(0);
      plan = createCrashPlan(0, 'before');
      await clock.run(app.close());
      reviveDisk();
      app = await clock.run(open());
    },
    setPlan(given) {
      plan = given;
    },
    plan: () => plan,
    differences: () => differencesOf(setting, { erp, mes, edits }),
    async close() {
      reviveDisk();
      await clock.run(app.close());
      removeState(directory);
    },
  };
}

type Sides = Pick<World, 'erp' | 'mes' | 'edits'>;

function differencesOf({ generation, policy }: Setting, { erp, mes, edits }: Sides): string[] {
  const [expected, optional, image] = [erp.expected(), new Set(erp.optional()), mes.image()];
  for (const table of tables) {
    for (const id of expected[table].keys()) {
      // What is to be deleted may have to stay there, as marked.
      const mayLack = policy === 'delete' || mes.writes(table, id) === 0;
      // What had been cancelled below a parent that is deleted goes along on some, and is not told again.
      const wentAlong = policy === 'delete' && expected[table].get(id)?.onHold === true;
      if ((erp.isGone(table, id) && mayLack) || wentAlong) optional.add(`${table}/${id}`);
    }
  }
  const projected = projectImage(generation, expected);
  const { differences } = compareImages(projected, image, optional);
  const byHand = [...edits]
    .filter(([name, { at }]) => (erp.changedAt?.(name) ?? 0) <= at)
    .map(([name, { field }]) => `${name} ${field}: `);
  const known = (line: string) => byHand.some((start) => line.startsWith(start)) || isOldLink(line, expected);
  const found = differences.filter((line) => !known(line));
  found.push(...halfRemoved(image));
  if (erp.mayBeOnHold === undefined) return found;
  for (const table of tables) {
    for (const [id, { onHold }] of image[table]) {
      const name = `${table}/${id}`;
      const allowed = expected[table].get(id)?.onHold === true || optional.has(name) || erp.mayBeOnHold(name);
      if (onHold === true && !allowed) found.push(`${name} is on hold, and nobody cancelled it`);
    }
  }
  return [...found, ...ghosts(projected, image, optional)];
}

/** What was cancelled before its parent was deleted is not told again: it hangs on the dead row, whether the parent comes back or not. */
function isOldLink(line: string, expected: MesImage): boolean {
  const [, table = '', id = ''] = /^(\w+)\/(\S+) \w+_external_id: .* \(deleted [^)]*\)"$/.exec(line) ?? [];
  return expected[table as Table]?.get(id)?.onHold === true;
}

/** What need not have come to the MES, since the ERP has it no more, may not be there as if it had. */
function ghosts(expected: MesImage, image: MesImage, optional: ReadonlySet<string>): string[] {
  return tables.flatMap((table) =>
    [...image[table]].flatMap(([id, { onHold, fields }]) => {
      const told = expected[table].get(id);
      if (told === undefined || !optional.has(`${table}/${id}`)) return [];
      const right =
        (told.onHold !== true || onHold === true) && (told.fields['active'] !== false || fields['active'] === false);
      return right ? [] : [`${table}/${id} is active, and the ERP has it no more`];
    }),
  );
}

/** What has its external id, but not the other key that it gave up to be deleted. */
function halfRemoved(image: MesImage): string[] {
  return tables.flatMap((table) =>
    [...image[table]].flatMap(([id, { fields }]) => {
      const key = String(fields['job_number'] ?? fields['part_number'] ?? fields['name']);
      return key.includes(' (deleted ') ? [`${table}/${id} is there as ${key}`] : [];
    }),
  );
}

async function runCycle(app: App, request: PassRequest): Promise<StreamResult[]> {
  const cycle = app.connectors.get(connectorName)?.cycle;
  return (await cycle?.run({ streams: undefined, ...request }, signal)) ?? [];
}

/** Every call of the store is a step at which the machine may go down. */
function steppingStore(store: Store, plan: () => CrashPlan): Store {
  const stepping = { ...store };
  for (const [name, method] of Object.entries(store) as [keyof Store, (...args: unknown[]) => Promise<unknown>][]) {
    if (name === 'close') continue;
    Object.assign(stepping, {
      [name]: (...args: unknown[]) => plan().step(`store.${name}`, () => method(...args)),
    });
  }
  return stepping;
}

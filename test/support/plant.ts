import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as soon } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import type { ErpKind } from '../../sandbox/erps.ts';
import { type AnySandbox, type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/sandbox.ts';
import { tables } from '../../sandbox/types.ts';
import { type App, openApp, type SyncRequest } from '../../src/app/app.ts';
import { type Config, configSchema } from '../../src/config/schema.ts';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { createEventBus, type EventBus, type Events, type StreamResult } from '../../src/core/events.ts';
import type { OpenHttp } from '../../src/core/http.ts';

/** The machine's clock for tests that must not wait: sleeping takes no time, deadlines come sooner, days can be skipped. */
export interface ImpatientClock extends Clock {
  /** The wall clock goes on by so much. */
  skip(ms: number): void;
}

/** How many times sooner deadlines come. */
const haste = 10;

export function createImpatientClock(): ImpatientClock {
  let skippedMs = 0;
  return {
    ...systemClock,
    now: () => new Date(systemClock.now().getTime() + skippedMs),
    async sleep(_ms, signal) {
      signal?.throwIfAborted();
      await soon();
      signal?.throwIfAborted();
    },
    after: (ms, callback) => systemClock.after(ms / haste, callback),
    skip(ms) {
      skippedMs += ms;
    },
  };
}

/** What a test changes about the config; the rest suits simulators on this machine. */
export interface Settings {
  mes?: Record<string, unknown>;
  /** Of the one connector. */
  connector?: Record<string, unknown>;
  /** The way to the network; sockets when absent. */
  openHttp?: OpenHttp;
  /** Of its streams; `all` counts for each. */
  streams?: Record<string, Record<string, unknown>>;
}

const connectorName = 'plant';
const rate = { requestsPerSecond: 1000, burst: 1000 };

const streamNames: Record<ErpKind, readonly string[]> = {
  sap: ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'],
  netsuite: ['work-centers', 'sales-orders', 'work-orders', 'operation-tasks'],
  odoo: ['work-centers', 'equipment', 'sales-orders', 'manufacturing-orders', 'work-orders'],
  frepple: ['resources', 'demands', 'manufacturing-orders', 'work-orders'],
};

/** What a connector of each kind must be told beside what every connector is. */
const ownSettings: Record<ErpKind, (environment: Readonly<Record<string, string>>) => Record<string, unknown>> = {
  sap: ({ SANDBOX_SAP_USER: username, SANDBOX_SAP_PASSWORD: password, ...environment }) => ({
    timeZone: 'Europe/Amsterdam',
    plantTimeZones: { '1720': 'America/Chicago' },
    auth: { kind: 'basic', username, password },
    sapClient: environment['SANDBOX_SAP_CLIENT'],
  }),
  netsuite: (environment) => ({
    timeZone: environment['SANDBOX_NETSUITE_TIME_ZONE'],
    accountId: environment['SANDBOX_NETSUITE_ACCOUNT'],
    auth: {
      kind: 'tba',
      consumerKey: environment['SANDBOX_NETSUITE_CONSUMER_KEY'],
      consumerSecret: environment['SANDBOX_NETSUITE_CONSUMER_SECRET'],
      tokenId: environment['SANDBOX_NETSUITE_TOKEN_ID'],
      tokenSecret: environment['SANDBOX_NETSUITE_TOKEN_SECRET'],
    },
  }),
  odoo: ({ SANDBOX_ODOO_DATABASE: database, SANDBOX_ODOO_USER: username, SANDBOX_ODOO_API_KEY: key }) => ({
    database,
    auth: { kind: 'apiKey', username, key },
  }),
  frepple: (environment) => ({
    timeZone: environment['SANDBOX_FREPPLE_TIME_ZONE'],
    auth: { kind: 'apiKey', key: environment['SANDBOX_FREPPLE_API_KEY'] },
  }),
};

/** A config as an operator would write it, for the first ERP of the sandbox, as plain data. */
export function settingsFor(sandbox: AnySandbox, directory: string, settings: Settings): Record<string, unknown> {
  const [erp] = sandbox.erps;
  if (erp === undefined) throw new Error('The sandbox has no ERP.');
  const { mes } = sandbox;
  const { all = {}, ...own } = settings.streams ?? {};
  const { kind, simulator, environment } = erp;
  const connector = {
    type: kind,
    everySeconds: 1,
    externalSource: kind.toUpperCase(),
    [kind === 'netsuite' ? 'baseUrl' : 'url']: simulator.url,
    rate,
    timeoutSeconds: 5,
    ...ownSettings[kind](environment),
    ...settings.connector,
    streams: Object.fromEntries(streamNames[kind].map((name) => [name, { ...all, ...own[name] }])),
  };
  return {
    mes: { url: `${mes.url}/functions/v1`, apiKey: mes.apiKey, rate, timeoutSeconds: 5, ...settings.mes },
    state: { directory },
    health: { port: 0 },
    connectors: { [connectorName]: connector },
  };
}

/** A sandbox with the program between its two halves, on a state directory of its own. */
export interface Plant<Kind extends ErpKind = 'sap'> {
  sandbox: Sandbox<Kind>;
  clock: ImpatientClock;
  directory: string;
  /** Of all apps opened so far. */
  events: EventBus;
  app(): App;
  /** Closes the app and opens one on the same state: a restart, with other settings where some are given, and something done between. */
  reopen(settings?: Settings, meanwhile?: () => Promise<unknown>): Promise<App>;
  /** As `reopen`, over what is on the disk now: what the program would write while it closes, or in `last`, is lost. */
  crash(last?: () => Promise<unknown>): Promise<void>;
  /** One cycle as asked for by a person. */
  pass(request?: Partial<SyncRequest>): Promise<StreamResult[]>;
  /** Cycles until none of the streams fails, then tells the oracle that everything visible has been read. */
  passUntilDone(): Promise<StreamResult[]>;
  /** Longer than settle time, overlap and any late commit: everything played is there to be read. */
  settle(): void;
  /** Ends all of it; the end of the test does so too. */
  stop(): Promise<void>;
}

const settledMs = 30 * 60_000;
const maxCycles = 80;

export async function openPlant<Kind extends ErpKind = 'sap'>(
  options: SandboxOptions<Kind>,
  settings: Settings = {},
): Promise<Plant<Kind>> {
  const clock = createImpatientClock();
  const sandbox = await startSandbox({ mesNow: () => clock.now(), ...options });
  const directory = await mkdtemp(join(tmpdir(), 'plant-'));
  const events = createEventBus((error) => {
    throw error;
  });
  let current = settings;
  const open = async () =>
    openApp({
      config: await parseConfig(sandbox, directory, current),
      clock,
      events,
      random: () => 0.5,
      ...(current.openHttp === undefined ? {} : { openHttp: current.openHttp }),
    });
  let app = await open();
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= (async () => {
      await app.close();
      await sandbox.stop();
      await rm(directory, { recursive: true });
    })();
    return stopping;
  };
  onTestFinished(stop);
  const signal = new AbortController().signal;
  const pass: Plant['pass'] = (request) =>
    app.sync({ selection: [], full: false, release: false, ...request }, (_name, task) => task(signal));
  return {
    sandbox,
    clock,
    directory,
    events,
    app: () => app,
    async reopen(changed = current, meanwhile) {
      current = changed;
      await app.close();
      await meanwhile?.();
      app = await open();
      return app;
    },
    async crash(last) {
      const left = `${directory}-left`;
      await cp(directory, left, { recursive: true });
      await last?.();
      await app.close();
      await rm(directory, { recursive: true });
      await rename(left, directory);
      app = await open();
    },
    pass,
    async passUntilDone() {
      for (let cycle = 0; cycle < maxCycles; cycle += 1) {
        const results = await pass();
        if (results.some(({ outcome }) => outcome === 'failed')) continue;
        for (const { simulator } of sandbox.erps) simulator.checkpoint();
        return results;
      }
      throw new Error(`Not done after ${maxCycles} cycles.`);
    },
    settle() {
      for (const { simulator } of sandbox.erps) {
        simulator.settle();
        simulator.advance(settledMs);
      }
    },
    stop,
  };
}

async function parseConfig(sandbox: AnySandbox, directory: string, settings: Settings): Promise<Config> {
  return (await configSchema.parseAsync(settingsFor(sandbox, directory, settings))) as Config;
}

/** Fails with the differences between what the ERP implies and what the MES holds. */
export function expectEqual({ sandbox }: { sandbox: AnySandbox }): void {
  expect(sandbox.compare().differences).toEqual([]);
}

/** Collects the events of one name. */
export function collect<Name extends keyof Events>(events: EventBus, name: Name): Events[Name][] {
  const collected: Events[Name][] = [];
  events.on(name, (event) => collected.push(event));
  return collected;
}

/** How often records were created or updated in the MES so far. */
export function totalWrites({ mes }: Pick<AnySandbox, 'mes'>): number {
  const image = mes.image();
  return tables.reduce(
    (sum, table) => sum + [...image[table].keys()].reduce((count, id) => count + mes.writes(table, id), 0),
    0,
  );
}

/** The result of one stream. */
export function resultOf(results: readonly StreamResult[], stream: string): StreamResult {
  const found = results.find((result) => result.stream === stream);
  if (found === undefined) throw new Error(`No result of ${stream}.`);
  return found;
}

/** Requests to the MES so far. */
export function mesRequests({ sandbox }: { sandbox: AnySandbox }): number {
  return sandbox.mes.requests().total;
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Comparison } from '../../sandbox/compare.ts';
import type { ErpKind } from '../../sandbox/erps.ts';
import type { AnySandbox } from '../../sandbox/sandbox.ts';
import type { App } from '../app/app.ts';
import { connectorTypes } from '../config/load.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { ConfigError, UsageError } from '../core/errors.ts';
import type { StreamResult } from '../core/events.ts';
import { type Context, onTermination, openAppFor, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { paint, printJson, printLine, printResults, printTable } from './output.ts';
import { packageFolder } from './package.ts';
import { showProgress } from './progress.ts';

interface DemoOptions {
  records: number;
  seed: number;
  once?: boolean;
  minutes?: number;
  faults: 'none' | 'some' | 'all';
  mes: 'classic' | 'v060' | 'main' | 'repaired';
  config?: string;
  connector?: string;
  json?: boolean;
}

interface Demo {
  sandbox: AnySandbox;
  app: App;
  clock: LeapingClock;
  context: Context;
  options: DemoOptions;
  signal: AbortSignal;
}

/** The main job on this machine: simulated ERPs and Eryxon, the real daemon between them, state in a temporary folder. */
export async function demoVerb(options: DemoOptions): Promise<number> {
  const { startSandbox } = await import('../../sandbox/sandbox.ts');
  const { signal } = onTermination();
  const config = options.config ?? path.join(packageFolder(), 'config', 'demo.yaml');
  const chosen = await chooseConnectors(config, options);
  const folder = await mkdtemp(path.join(tmpdir(), 'erp-puller-demo-'));
  const { seed, records, faults, mes: generation } = options;
  const erps = chosen.map(({ kind }) => kind);
  const sandbox = await startSandbox({ seed, records, faults, generation, deletes: true, erps });
  try {
    const context = await openContext({
      config,
      environment: { ...process.env, ...sandbox.environment, SANDBOX_STATE: path.join(folder, 'state') },
      only: chosen.map(({ name }) => name),
    });
    const clock = leapingClock();
    const app = await openAppFor(context, { clock });
    const demo: Demo = { sandbox, app, clock, context, options, signal };
    const equal = options.once === true ? await runOnce(demo) : await runLive(demo);
    await context.logger.close();
    return equal ? exitCodes.done : exitCodes.failed;
  } finally {
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Connectors of the config file for which there is a simulator: the one that was asked for, or as many as the records suffice for. */
async function chooseConnectors(
  config: string,
  { connector, records }: DemoOptions,
): Promise<{ name: string; kind: ErpKind }[]> {
  const { erpKinds, fewestRecords } = await import('../../sandbox/erps.ts');
  const known = Object.entries(connectorTypes(config)).flatMap(([name, type]) => {
    const kind = erpKinds.find((candidate) => candidate === type);
    return kind === undefined ? [] : [{ name, kind }];
  });
  const chosen = known.filter(({ name }) => connector === undefined || name === connector);
  if (chosen.length > 0) return chosen.slice(0, Math.floor(records / fewestRecords));
  const names = known.map(({ name }) => name).join(', ') || 'none';
  const simulated = `that can be simulated; it has: ${names}.`;
  if (connector !== undefined) throw new UsageError(`${config} has no connector ${connector} ${simulated}`);
  throw new ConfigError(`${config} has no connector ${simulated}`);
}

/** Longer than settle time, overlap and any late commit: after it everything played is there to be read. */
const settledMs = 30 * 60_000;

/** One full and one delta pass with changes between them, then the comparison with the true history. */
async function runOnce({ sandbox, app, clock, context, options, signal }: Demo): Promise<boolean> {
  if (options.json !== true) showProgress(context.events, systemClock);
  try {
    await app.prepare(signal);
    checkpoint(sandbox);
    const passes = await passUntilDone(app, signal);
    checkpoint(sandbox);
    const events = Math.max(40, Math.round(options.records / sandbox.erps.length / 50));
    for (const { simulator } of sandbox.erps) simulator.play(events);
    settle(sandbox);
    clock.leap(settledMs);
    passes.push(...(await passUntilDone(app, signal)));
    await reconcileUntilDone(app, signal);
    checkpoint(sandbox);
    return report({ sandbox, context, options }, passes);
  } finally {
    await app.close();
  }
}

/** For the program, too, time has gone by when the simulated ERPs say so. */
interface LeapingClock extends Clock {
  leap(ms: number): void;
}

function leapingClock(): LeapingClock {
  let leaptMs = 0;
  return {
    ...systemClock,
    monotonicMs: () => systemClock.monotonicMs() + leaptMs,
    leap: (ms) => {
      leaptMs += ms;
    },
  };
}

function checkpoint({ erps }: AnySandbox): void {
  for (const { simulator } of erps) simulator.checkpoint();
}

/** From now on everything played is there to be read. */
function settle({ erps }: AnySandbox): void {
  for (const { simulator } of erps) {
    simulator.settle();
    simulator.advance(settledMs);
  }
}

const maxPasses = 50;

/** With faults injected a pass may fail; the next one goes on where it stopped. */
async function passUntilDone(app: App, signal: AbortSignal): Promise<{ streams: StreamResult[] }[]> {
  const passes: { streams: StreamResult[] }[] = [];
  for (let done = false; !done && passes.length < maxPasses; ) {
    const streams = await app.sync({ selection: [], full: false, release: false }, (_name, task) => task(signal));
    signal.throwIfAborted();
    passes.push({ streams });
    done = streams.every(({ outcome }) => outcome !== 'failed');
  }
  return passes;
}

/** Whole records that are gone are believed gone when two sweeps have missed them; here nobody has to release many at once. */
async function reconcileUntilDone(app: App, signal: AbortSignal): Promise<void> {
  for (let sweeps = 0; sweeps < maxPasses; sweeps += 1) {
    const selection = { selection: [], release: true, mes: false };
    const results = await app.reconcile(selection, (_name, task) => task(signal));
    signal.throwIfAborted();
    if (results.every(({ outcome, pending, vanished }) => outcome === 'ok' && pending + vanished === 0)) break;
  }
  // The operations of orders that are gone now are missed by two passes.
  for (let pass = 0; pass < 2; pass += 1) await passUntilDone(app, signal);
}

type Ending = Pick<Demo, 'sandbox' | 'context' | 'options'>;

function report(ending: Ending, passes: { streams: StreamResult[] }[]): boolean {
  const { equal, source, mes, differences } = compare(ending);
  if (ending.options.json === true) {
    printJson({ equal, source, mes, passes, ...(equal ? {} : { differences }) });
    return equal;
  }
  for (const { streams } of passes) {
    printResults(streams);
    printLine();
  }
  printComparison({ equal, source, mes, differences });
  return equal;
}

/** Each ERP against the records that its connector's settings make its own. */
function compare({ sandbox, context }: Ending): Comparison {
  const { connectors } = context.loaded.config;
  const namings = Object.values(connectors).map(({ type, externalSource, ...own }) => {
    const numberPrefix = 'numberPrefix' in own ? String(own.numberPrefix) : '';
    return [type, { source: externalSource, numberPrefix }];
  });
  return sandbox.compare(Object.fromEntries(namings));
}

function printComparison({ equal, source, mes, differences }: Comparison): void {
  printTable(
    Object.keys(source).map((table) => ({
      table,
      'in the ERPs': source[table as keyof typeof source],
      'in the MES': mes[table as keyof typeof mes],
    })),
  );
  printLine(equal ? paint('green', 'Equal: the MES holds exactly what the ERPs say.') : paint('red', 'Not equal:'));
  for (const difference of differences) printLine(`  ${difference}`);
}

/** The daemon on its schedule while orders keep changing, until told to stop; then what is left is delivered and compared. */
async function runLive({ sandbox, app, context, options, signal }: Demo): Promise<boolean> {
  const say = options.json === true ? () => undefined : printLine;
  showFlow(app, say);
  const loaded = markCheckpoints(app, { sandbox, context });
  const { startDaemon } = await import('../app/daemon.ts');
  const daemon = await startDaemon(app, context.logger, signal);
  say(`Health page: ${daemon.url}/readyz  ${daemon.url}/metrics`);
  say(paint('dim', 'Orders keep changing. End with Ctrl-C.'));
  const endMs = systemClock.monotonicMs() + (options.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  let passedMs = systemClock.monotonicMs();
  while (!signal.aborted && systemClock.monotonicMs() < endMs) {
    await systemClock.sleep(1000, signal).catch(() => undefined);
    const nowMs = systemClock.monotonicMs();
    for (const { kind, simulator } of sandbox.erps) {
      simulator.advance(nowMs - passedMs);
      // What changes before the first load has seen it was never there for anybody.
      if (!loaded.has(kind)) continue;
      for (const line of simulator.play(2)) say(`${paint('cyan', kind)}  ${line}`);
    }
    passedMs = nowMs;
  }
  await daemon.stop();
  return finish({ sandbox, context, options });
}

/** Opens the state once more and delivers what the last ticks did not get to. */
async function finish(ending: Ending): Promise<boolean> {
  const { sandbox, context, options } = ending;
  sandbox.setFaults('none');
  settle(sandbox);
  const app = await openAppFor(context);
  try {
    const { signal } = new AbortController();
    const passes = await passUntilDone(app, signal);
    await reconcileUntilDone(app, signal);
    if (options.json === true) return report(ending, passes);
    const comparison = compare(ending);
    printComparison(comparison);
    return comparison.equal;
  } finally {
    await app.close();
  }
}

/** Longer than the demo's settle time: what was there at one checkpoint lies inside the window of the pass that ends at the next. */
const checkpointMs = 6000;

/**
 * Tells the simulators which passes were complete: what came and went between two of them nobody can have seen. Returns the ERPs
 * that have been read whole.
 */
function markCheckpoints(
  { events, clock }: App,
  { sandbox, context }: Pick<Demo, 'sandbox' | 'context'>,
): ReadonlySet<ErpKind> {
  const { connectors } = context.loaded.config;
  const loaded = new Set<ErpKind>();
  for (const { kind, simulator } of sandbox.erps) {
    const isOurs = (connector: string) => connectors[connector]?.type === kind;
    let startedMs = 0;
    let markedMs = Number.NEGATIVE_INFINITY;
    events.on('cycle:started', ({ connector }) => {
      if (isOurs(connector)) startedMs = clock.monotonicMs();
    });
    events.on('cycle:finished', ({ connector, results }) => {
      const incomplete = results.some(({ outcome }) => outcome === 'failed' || outcome === 'waiting');
      if (!isOurs(connector) || incomplete || startedMs - markedMs < checkpointMs) return;
      simulator.checkpoint();
      loaded.add(kind);
      markedMs = clock.monotonicMs();
    });
  }
  return loaded;
}

function showFlow({ events }: App, say: (line: string) => void): void {
  events.on('page:committed', ({ stream, counts }) => {
    const told = Object.entries(counts).filter(([name, count]) => count > 0 && name !== 'read' && name !== 'unchanged');
    if (told.length > 0)
      say(`${paint('green', 'MES')}  ${stream}: ${told.map(([name, count]) => `${count} ${name}`).join(', ')}`);
  });
}

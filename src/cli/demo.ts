import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Sandbox } from '../../sandbox/sandbox.ts';
import type { App } from '../app.ts';
import { systemClock } from '../core/clock.ts';
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
  json?: boolean;
}

interface Demo {
  sandbox: Sandbox;
  app: App;
  context: Context;
  options: DemoOptions;
  signal: AbortSignal;
}

/** The main job on this machine: simulated SAP and Eryxon, the real daemon between them, state in a temporary folder. */
export async function demoVerb(options: DemoOptions): Promise<number> {
  const { startSandbox } = await import('../../sandbox/sandbox.ts');
  const { signal } = onTermination();
  const folder = await mkdtemp(path.join(tmpdir(), 'erp-puller-demo-'));
  const { seed, records, faults, mes: generation } = options;
  const sandbox = await startSandbox({ seed, records, faults, generation, deletes: true });
  try {
    const context = await openContext({
      config: options.config ?? path.join(packageFolder(), 'config', 'demo.yaml'),
      environment: { ...process.env, ...describeSandbox(sandbox, folder) },
    });
    const app = await openAppFor(context);
    const demo: Demo = { sandbox, app, context, options, signal };
    const equal = options.once === true ? await runOnce(demo) : await runLive(demo);
    await context.logger.close();
    return equal ? exitCodes.done : exitCodes.failed;
  } finally {
    await sandbox.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function describeSandbox({ sap, mes }: Sandbox, folder: string): Record<string, string> {
  return {
    SANDBOX_SAP_URL: sap.url,
    SANDBOX_SAP_USER: sap.credentials.username,
    SANDBOX_SAP_PASSWORD: sap.credentials.password,
    SANDBOX_SAP_CLIENT: sap.credentials.client,
    SANDBOX_MES_URL: `${mes.url}/functions/v1`,
    SANDBOX_MES_API_KEY: mes.apiKey,
    SANDBOX_STATE: path.join(folder, 'state'),
  };
}

/** Longer than settle time, overlap and any late commit: after it everything played is there to be read. */
const settledMs = 30 * 60_000;

/** One full and one delta pass with changes between them, then the comparison with the true history. */
async function runOnce({ sandbox, app, context, options, signal }: Demo): Promise<boolean> {
  if (options.json !== true) showProgress(context.events, systemClock);
  try {
    await app.prepare(signal);
    sandbox.sap.checkpoint();
    const passes = await passUntilDone(app, signal);
    sandbox.sap.checkpoint();
    sandbox.sap.play(Math.max(40, Math.round(options.records / 50)));
    sandbox.sap.settle();
    sandbox.sap.advance(settledMs);
    passes.push(...(await passUntilDone(app, signal)));
    await reconcileUntilDone(app, signal);
    sandbox.sap.checkpoint();
    return report(sandbox, passes, options);
  } finally {
    await app.close();
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

function report(sandbox: Sandbox, passes: { streams: StreamResult[] }[], { json }: DemoOptions): boolean {
  const { equal, source, mes, differences } = sandbox.compare();
  if (json === true) {
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

function printComparison({ equal, source, mes, differences }: ReturnType<Sandbox['compare']>): void {
  printTable(
    Object.keys(source).map((table) => ({
      table,
      'in SAP': source[table as keyof typeof source],
      'in the MES': mes[table as keyof typeof mes],
    })),
  );
  printLine(equal ? paint('green', 'Equal: the MES holds exactly what SAP says.') : paint('red', 'Not equal:'));
  for (const difference of differences) printLine(`  ${difference}`);
}

/** The daemon on its schedule while orders keep changing, until told to stop; then what is left is delivered and compared. */
async function runLive({ sandbox, app, context, options, signal }: Demo): Promise<boolean> {
  const say = options.json === true ? () => undefined : printLine;
  showFlow(app, say);
  markCheckpoints(app, sandbox);
  const { startDaemon } = await import('../daemon.ts');
  const daemon = await startDaemon(app, context.logger, signal);
  say(`Health page: ${daemon.url}/readyz  ${daemon.url}/metrics`);
  say(paint('dim', 'Orders keep changing. End with Ctrl-C.'));
  const endMs = systemClock.monotonicMs() + (options.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  let passedMs = systemClock.monotonicMs();
  while (!signal.aborted && systemClock.monotonicMs() < endMs) {
    await systemClock.sleep(1000, signal).catch(() => undefined);
    const nowMs = systemClock.monotonicMs();
    sandbox.sap.advance(nowMs - passedMs);
    passedMs = nowMs;
    for (const line of sandbox.sap.play(2)) say(`${paint('cyan', 'SAP')}  ${line}`);
  }
  await daemon.stop();
  return finish({ sandbox, context, options });
}

/** Opens the state once more and delivers what the last ticks did not get to. */
async function finish({ sandbox, context, options }: Pick<Demo, 'sandbox' | 'context' | 'options'>): Promise<boolean> {
  sandbox.setFaults('none');
  sandbox.sap.settle();
  sandbox.sap.advance(settledMs);
  const app = await openAppFor(context);
  try {
    const { signal } = new AbortController();
    const passes = await passUntilDone(app, signal);
    await reconcileUntilDone(app, signal);
    if (options.json === true) return report(sandbox, passes, options);
    const comparison = sandbox.compare();
    printComparison(comparison);
    return comparison.equal;
  } finally {
    await app.close();
  }
}

/** Longer than the demo's settle time: what was there at one checkpoint lies inside the window of the pass that ends at the next. */
const checkpointMs = 6000;

/** Tells the simulator which passes were complete: what came and went between two of them nobody can have seen. */
function markCheckpoints({ events, clock }: App, sandbox: Sandbox): void {
  let startedMs = 0;
  let markedMs = Number.NEGATIVE_INFINITY;
  events.on('cycle:started', () => {
    startedMs = clock.monotonicMs();
  });
  events.on('cycle:finished', ({ results }) => {
    const incomplete = results.some(({ outcome }) => outcome === 'failed' || outcome === 'waiting');
    if (incomplete || startedMs - markedMs < checkpointMs) return;
    sandbox.sap.checkpoint();
    markedMs = clock.monotonicMs();
  });
}

function showFlow({ events }: App, say: (line: string) => void): void {
  events.on('page:committed', ({ stream, counts }) => {
    const told = Object.entries(counts).filter(([name, count]) => count > 0 && name !== 'read' && name !== 'unchanged');
    if (told.length > 0)
      say(`${paint('green', 'MES')}  ${stream}: ${told.map(([name, count]) => `${count} ${name}`).join(', ')}`);
  });
}

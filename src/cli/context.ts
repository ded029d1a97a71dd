import { existsSync } from 'node:fs';
import path from 'node:path';
import { type App, type AppOptions, openApp, type RunExclusive } from '../app/app.ts';
import { callControl } from '../app/control.ts';
import { type Results, type VerbArgs, type VerbName, verbHandlers } from '../app/verbs.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { systemClock } from '../core/clock.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { createEventBus, type EventBus } from '../core/events.ts';
import { createLogger, type Logger, type LoggerOptions } from '../core/logger.ts';
import { createRedactor, type Redactor } from '../core/redact.ts';
import { assertCron } from '../scheduler/cron.ts';
import { reportEvents } from '../server/event-log.ts';
import { requireDirectory } from '../state/directory.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import { NoStateError } from '../state/failure.ts';
import { openScratchStore } from '../state/scratch-store.ts';

/** Where the config is looked for when none is named. */
export const defaultFiles = ['config/erp-puller.yaml', 'erp-puller.yaml'];

export interface Context {
  loaded: LoadedConfig;
  redact: Redactor;
  logger: Logger;
  events: EventBus;
}

export interface ContextOptions {
  config?: string | undefined;
  environment?: Readonly<Record<string, string | undefined>>;
  /** The connectors wanted; all when absent. */
  only?: readonly string[];
  /** The daemon logs to standard output, verbs beside their own output to standard error. */
  logTo?: NodeJS.WritableStream;
}

/** Loads the config and sets up what every verb needs: log, redaction, events. */
export async function openContext({
  config,
  environment = process.env,
  only,
  logTo = process.stderr,
}: ContextOptions): Promise<Context> {
  const file = config ?? foundConfig();
  const loaded = await loadConfig({ file, environment, scheduleProblem, ...(only && { only }) });
  requireDirectory(loaded.config.state.directory);
  const redact = createRedactor(loaded.secrets);
  const logger = createLogger({ ...logSettings(loaded, logTo), redact, stream: logTo });
  for (const warning of loaded.warnings) logger.warn(warning);
  const events = createEventBus((error) => logger.error('An event listener failed.', { error: messageOf(error) }));
  reportEvents(events, logger);
  return { loaded, redact, logger, events };
}

function foundConfig(): string {
  const found = defaultFiles.find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new ConfigError(
    `There is neither ${defaultFiles.join(' nor ')} in ${process.cwd()}. Name one with --config FILE.`,
  );
}

/** Beside a verb's own output only what somebody may have to act on is logged, and on a terminal for a person to read. */
function logSettings(
  { config: { log } }: LoadedConfig,
  logTo: NodeJS.WritableStream,
): Pick<LoggerOptions, 'level' | 'format'> {
  if (logTo !== process.stderr) return log;
  return { level: log.level === 'info' ? 'warn' : log.level, format: process.stderr.isTTY ? 'pretty' : log.format };
}

function scheduleProblem(expression: string): string | undefined {
  try {
    assertCron(expression);
    return undefined;
  } catch (error) {
    return `is not a cron expression: ${messageOf(error)}`;
  }
}

export function openAppFor(
  { loaded, events, redact }: Context,
  own: Partial<Pick<AppOptions, 'openStore' | 'clock'>> = {},
): Promise<App> {
  return openApp({ config: loaded.config, clock: systemClock, events, random: Math.random, redact, ...own });
}

/** The state as it is now, or that of before a first start: without a lock, and nothing is written. */
const onlyReading: Pick<AppOptions, 'openStore'> = {
  openStore: ({ directory, clock }) =>
    hasState(directory)
      ? openEmbeddedStore({ directory, clock, readOnly: true })
      : openScratchStore({ directory, clock }),
};

/** A daemon of an older version does not tell of what waits for the MES. */
type Answered<Name extends VerbName> = Results[Name] extends { closed: infer Closed }
  ? Omit<Results[Name], 'closed'> & { closed?: Closed }
  : Results[Name];

/** A daemon answers most verbs at once; after so long a person wants to know what is waited for. */
const patienceMs = 5000;
const waitingText =
  'Waiting for the daemon, which does this itself, after the run that is under way. Where it hangs, `erp-puller health` says so.\n';

/** Does what a verb needs the state for: the daemon does it when one runs, else this process. */
export async function runVerb<Name extends VerbName>(
  context: Context,
  { name, args, signal }: { name: Name; args: VerbArgs<Name>; signal: AbortSignal },
): Promise<Answered<Name>> {
  const told = systemClock.after(patienceMs, () => process.stderr.write(waitingText));
  const answer = await callControl(context.loaded.config.state.directory, { verb: name, args }, signal).finally(told);
  if (answer !== undefined) return answer as Answered<Name>;
  if (name !== 'sync' && name !== 'status') requireState(context.loaded.config.state.directory);
  const app = await openAppFor(context, name === 'status' ? onlyReading : {});
  try {
    if (name === 'sync' || name === 'reconcile') await app.prepare(signal);
    const exclusive: RunExclusive = (_name, task) => task(signal);
    return (await verbHandlers(app, { exclusive, watched: exclusive })(name, args)) as Answered<Name>;
  } finally {
    await app.close();
  }
}

/** What changes a state must not make one. */
function requireState(directory: string): void {
  if (hasState(directory)) return;
  throw new NoStateError(directory);
}

function hasState(directory: string): boolean {
  return existsSync(path.join(directory, 'ledger.db'));
}

/** Signals so soon after the first are the same wish: npm passes on what the terminal has sent to both. */
const sameWishMs = 1000;

/** A signal that aborts when the process is told to end. A person who insists with another Ctrl-C need not wait for it. */
export function onTermination(): AbortController {
  const controller = new AbortController();
  let toldMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      toldMs ??= systemClock.monotonicMs();
      if (name === 'SIGINT' && systemClock.monotonicMs() - toldMs > sameWishMs) process.exit(130);
      controller.abort(new Error(`Stopped by ${name}.`));
    });
  }
  return controller;
}

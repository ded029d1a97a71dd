import { existsSync } from 'node:fs';
import { type App, type AppOptions, openApp } from '../app/app.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { systemClock } from '../core/clock.ts';
import { ConfigError, messageOf } from '../core/errors.ts';
import { createEventBus, type EventBus } from '../core/events.ts';
import { createLogger, type Logger, type LoggerOptions } from '../core/logger.ts';
import { createRedactor, type Redactor } from '../core/redact.ts';
import { assertCron } from '../scheduler/cron.ts';
import { reportEvents } from '../server/event-log.ts';
import { requireDirectory } from '../state/directory.ts';
import { stopNoMoreEarly } from './early-stop.ts';

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
  own: Partial<Pick<AppOptions, 'openStore' | 'clock' | 'selection'>> = {},
): Promise<App> {
  return openApp({ config: loaded.config, clock: systemClock, events, random: Math.random, redact, ...own });
}

/** Signals so soon after the first are the same wish: npm passes on what the terminal has sent to both. */
const sameWishMs = 1000;

/** A signal that aborts when the process is told to end. A person who insists with another Ctrl-C need not wait for it. */
export function onTermination(): AbortController {
  const controller = new AbortController();
  let firstSignalMs: number | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      firstSignalMs ??= systemClock.monotonicMs();
      if (name === 'SIGINT' && systemClock.monotonicMs() - firstSignalMs > sameWishMs) process.exit(130);
      controller.abort(new Error(`Stopped by ${name}.`));
    });
  }
  stopNoMoreEarly();
  return controller;
}

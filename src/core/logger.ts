import winston from 'winston';
import type { Redactor } from './redact.ts';

export type LogFields = Readonly<Record<string, unknown>>;
export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** A log line is a constant sentence plus fields. */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** Ends the log and resolves when every line has left the process: winston loses lines at exit unless ended. */
  close(): Promise<void>;
}

export interface LoggerOptions {
  level: LogLevel;
  format: 'json' | 'pretty';
  redact: Redactor;
  /** Where lines go: standard output for the daemon, standard error beside a verb's own output. */
  stream: NodeJS.WritableStream;
}

export function createLogger(options: LoggerOptions): Logger {
  const { combine, timestamp, printf } = winston.format;
  const render = options.format === 'json' ? renderJson : renderPretty;
  const transport = new winston.transports.Stream({ stream: options.stream });
  const logger = winston.createLogger({
    level: options.level,
    format: combine(
      timestamp(),
      printf((info) => options.redact(render(info))),
    ),
    transports: [transport],
  });
  // winston renders a line first and looks at its level then.
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (logger.isLevelEnabled(level)) logger.log(level, message, { ...fields });
  };
  return {
    error: write('error'),
    warn: write('warn'),
    info: write('info'),
    debug: write('debug'),
    close: () => closeLogger(logger, options.stream),
  };
}

async function closeLogger(logger: winston.Logger, stream: NodeJS.WritableStream): Promise<void> {
  await new Promise<void>((resolve) => {
    logger.once('finish', resolve);
    logger.end();
  });
  await new Promise<void>((resolve) => void stream.write('', () => resolve()));
}

function renderJson(info: winston.Logform.TransformableInfo): string {
  const { timestamp, level, message, ...fields } = info;
  return JSON.stringify({ time: timestamp, level, message, ...fields });
}

function renderPretty(info: winston.Logform.TransformableInfo): string {
  const { timestamp, level, message, ...fields } = info;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [`${String(timestamp).slice(11, 19)} ${level.padEnd(5)} ${String(message)}`, ...rest].join(' ');
}

import { checkSystems } from '../app/check.ts';
import { createCheckBooking } from '../app/check-booking.ts';
import { systemClock } from '../core/clock.ts';
import { ConfigError } from '../core/errors.ts';
import type { Finding } from '../core/types.ts';
import { type Context, onTermination, openContext } from './context.ts';
import { exitCodes, reportFailure } from './exit.ts';
import { printFindings, printJson } from './output.ts';

interface CheckOptions {
  config?: string;
  offline?: boolean;
  json?: boolean;
}

export async function checkVerb({ config, offline = false, json = false }: CheckOptions): Promise<number> {
  const opened = await openContext({ config }).catch((error: unknown) => error);
  if (opened instanceof ConfigError) return reportConfig(opened, json);
  if (opened instanceof Error) throw opened;
  const context = opened as Context;
  const findings: Finding[] = [configFinding(context), ...configWarnings(context)];
  if (!offline) findings.push(...(await checkOnline(context)));
  const ok = findings.every(({ level }) => level !== 'error');
  const redacted = JSON.parse(context.redact(JSON.stringify(findings))) as Finding[];
  if (json) printJson({ ok, findings: redacted });
  else printFindings(redacted);
  await context.logger.close();
  return ok ? exitCodes.done : exitCodes.failed;
}

function configFinding({ loaded }: Context): Finding {
  const names = Object.keys(loaded.config.connectors).join(', ');
  return {
    code: 'config-valid',
    level: 'ok',
    where: loaded.file,
    text: `The config is valid; connectors: ${names}.`,
    todo: '',
  };
}

function configWarnings({ loaded: { file, warnings } }: Context): Finding[] {
  return warnings.map((text) => ({ code: 'config-exposed', level: 'warning', where: file, text, todo: '' }));
}

async function checkOnline({ loaded, events, redact }: Context): Promise<Finding[]> {
  const { config } = loaded;
  const { signal } = onTermination();
  const booking = createCheckBooking({ config, clock: systemClock }, signal);
  const options = { config, clock: systemClock, events, random: Math.random, redact, attempts: 2, booking };
  return checkSystems(options, signal);
}

function reportConfig(error: ConfigError, json: boolean): number {
  if (!json) return reportFailure(error);
  const findings = error.problems.map(({ text, file = '', line, column }) => ({
    code: 'config-invalid',
    level: 'error',
    where: line === undefined ? file : `${file}:${line}:${column}`,
    text,
    todo: 'Correct the config file.',
  }));
  printJson({ ok: false, findings });
  return exitCodes.config;
}

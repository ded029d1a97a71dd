import path from 'node:path';
import { systemClock } from '../core/clock.ts';
import { restoreState } from '../state/backup.ts';
import { checkState } from '../state/check.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { printFindings, printJson, printLine, printTable } from './output.ts';

export async function stateCheck({ config, json = false }: { config?: string; json?: boolean }): Promise<number> {
  const { loaded, logger } = await openContext({ config });
  await logger.close();
  const findings = await checkState(loaded.config.state.directory);
  const ok = findings.every(({ level }) => level !== 'error');
  if (json) printJson({ ok, findings });
  else printFindings(findings);
  return ok ? exitCodes.done : exitCodes.config;
}

export async function stateBackup(to: string, { config }: { config?: string }): Promise<number> {
  // The daemon stands somewhere else.
  const directory = path.resolve(to);
  const context = await openContext({ config });
  await callVerb(context, { name: 'backup', args: { directory }, signal: onTermination().signal });
  await context.logger.close();
  printLine(`The state is backed up in ${directory}.`);
  return exitCodes.done;
}

export async function stateRebuild({ config, json = false }: { config?: string; json?: boolean }): Promise<number> {
  const context = await openContext({ config });
  const { entities } = await callVerb(context, { name: 'rebuild', args: {}, signal: onTermination().signal });
  await context.logger.close();
  if (json) printJson({ entities });
  else printTable(entities.map(({ listed, ...row }) => ({ ...row, listed: listed ?? 'not listed by this MES' })));
  return exitCodes.done;
}

export async function stateRestore(from: string, { config }: { config?: string }): Promise<number> {
  const { loaded, logger } = await openContext({ config });
  await logger.close();
  const aside = await restoreState({ from, directory: loaded.config.state.directory, clock: systemClock });
  printLine(`The state is restored; what was there before is in ${aside}.`);
  return exitCodes.done;
}

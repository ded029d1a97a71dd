import { onTermination, openContext, operate } from './context.ts';
import { exitCodes } from './exit.ts';
import { paint, printJson, printLine, printTable } from './output.ts';

export async function statusVerb({ config, json = false }: { config?: string; json?: boolean }): Promise<number> {
  const context = await openContext({ config });
  const report = await operate(context, { name: 'status', args: {}, signal: onTermination().signal });
  await context.logger.close();
  if (json) {
    printJson(report);
    return exitCodes.done;
  }
  printTable(report.streams.map(({ paused, ...row }) => ({ ...row, paused: paused === null ? 'no' : 'yes' })));
  for (const { stream, paused } of report.streams) if (paused !== null) printLine(paint('red', `${stream}: ${paused}`));
  const { budgetLeft, blockedUntil } = report.mes;
  if (budgetLeft !== null) printLine(`MES requests left of the day budget: ${budgetLeft}`);
  if (blockedUntil !== null) printLine(paint('yellow', `The MES asked for silence until ${blockedUntil}.`));
  return exitCodes.done;
}

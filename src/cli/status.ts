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
  printTable(report.streams.map(({ paused, waitsUntil, ...row }) => ({ ...row, state: stateOf(paused, waitsUntil) })));
  for (const { stream, paused } of report.streams) if (paused !== null) printLine(paint('red', `${stream}: ${paused}`));
  const { budget, budgetLeft, reserveLeft, windowEndsAt, exhaustedAt, blockedUntil } = report.mes;
  if (budget !== null) {
    const end = windowEndsAt === null ? '' : `, until ${windowEndsAt}`;
    printLine(
      `MES requests left of the day budget: ${budgetLeft} of ${budget}, ${reserveLeft} kept for a person${end}`,
    );
  }
  if (exhaustedAt !== null) printLine(paint('yellow', `At this rate they are used up at ${exhaustedAt}.`));
  if (blockedUntil !== null) printLine(paint('yellow', `The MES asked for silence until ${blockedUntil}.`));
  return exitCodes.done;
}

function stateOf(paused: string | null, waitsUntil: string | null): string {
  if (paused !== null) return 'paused';
  return waitsUntil === null ? 'active' : `coalescing until ${waitsUntil}`;
}

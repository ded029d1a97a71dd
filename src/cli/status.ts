import { blockedKinds } from '../app/blocked-kinds.ts';
import type { StatusReport } from '../app/verbs.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { paint, printBlocked, printJson, printLine, printTable } from './output.ts';

interface StatusOptions {
  config?: string;
  json?: boolean;
  /** The stream whose last passes are wanted. */
  runs?: string;
}

export async function statusVerb({ config, json = false, runs }: StatusOptions): Promise<number> {
  const context = await openContext({ config });
  const report = await callVerb(context, {
    name: 'status',
    args: runs === undefined ? {} : { runs },
    signal: onTermination().signal,
  });
  await context.logger.close();
  if (json) {
    printJson(report);
    return exitCodes.done;
  }
  if (report.runs !== undefined) {
    printRuns(report.runs);
    return exitCodes.done;
  }
  printStreams(report.streams);
  const { budget, budgetLeft, reserveLeft, windowEndsAt, exhaustedAt, blockedUntil } = report.mes;
  if (budget !== null) {
    const end = windowEndsAt === null ? '' : `, until ${windowEndsAt}`;
    printLine(
      `MES requests left of the day budget: ${budgetLeft} of ${budget}, ${reserveLeft} kept for a person${end}`,
    );
  }
  if (exhaustedAt !== null) printLine(paint('yellow', `At this rate they are used up at ${exhaustedAt}.`));
  if (blockedUntil !== null) printLine(paint('yellow', `The MES asked for silence until ${blockedUntil}.`));
  printBlocked(blockedKinds(report.mes.ways));
  return exitCodes.done;
}

function printStreams(streams: StatusReport['streams']): void {
  printTable(
    streams.map(({ paused, waitsUntil, lastRun, ...row }) => ({
      ...row,
      'last run': lastRun?.outcome ?? null,
      seconds: lastRun === null ? null : seconds(lastRun.durationMs),
      delivered: lastRun === null ? null : lastRun.created + lastRun.updated + lastRun.deleted,
      state: stateOf(paused, waitsUntil),
    })),
  );
  for (const { stream, paused, lastRun } of streams) {
    const wrong = paused ?? lastRun?.error ?? null;
    if (wrong !== null) printLine(paint('red', `${stream}: ${wrong}`));
  }
}

function printRuns(runs: NonNullable<StatusReport['runs']>): void {
  printTable(
    runs.map(({ finishedAt, outcome, durationMs, requests, error, ...counts }) => ({
      finishedAt,
      outcome,
      ...counts,
      'erp req': requests.erp,
      'mes req': requests.mes,
      seconds: seconds(durationMs),
      error,
    })),
  );
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function stateOf(paused: string | null, waitsUntil: string | null): string {
  if (paused !== null) return 'paused';
  return waitsUntil === null ? 'active' : `coalescing until ${waitsUntil}`;
}

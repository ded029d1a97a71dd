import { callControl } from '../app/control.ts';
import { type Plan, type PlannedChange, planPasses, type StreamPlan } from '../app/plan.ts';
import type { StatusReport } from '../app/verbs.ts';
import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodeOf } from './exit.ts';
import { paint, printBlocked, printJson, printLine, printTable } from './output.ts';

interface PlanOptions {
  config?: string;
  full?: boolean;
  release?: boolean;
  /** Name every change, however many. */
  all?: boolean;
  json?: boolean;
}

/** Changes of one stream that are named unless all are asked for. */
const shown = 20;

export async function planVerb(
  selection: string[],
  { config, full = false, release = false, all = false, json = false }: PlanOptions,
): Promise<number> {
  const odd = selection.find((wanted) => wanted.split('/').length > 2);
  if (odd !== undefined) throw new UsageError(`${odd} is neither CONNECTOR nor CONNECTOR/STREAM.`);
  const { loaded, redact, events, logger } = await openContext({ config });
  const { signal } = onTermination();
  const basis = { config: loaded.config, clock: systemClock, events, random: Math.random, redact };
  try {
    const options = { ...basis, firstBatch: await batchOfDaemon(loaded.config.state.directory, signal) };
    const plan = await planPasses(options, { selection, full, release }, signal);
    if (json) printJson(plan);
    else printPlan(plan, all ? Number.POSITIVE_INFINITY : shown);
    return exitCodeOf(plan.streams, plan.closed);
  } finally {
    await logger.close();
  }
}

/** A sync goes through the daemon while one runs, whose batches have grown; undefined where none does. */
async function batchOfDaemon(directory: string, signal: AbortSignal): Promise<number | undefined> {
  const report = await callControl(directory, { verb: 'status', args: {} }, signal);
  return (report as StatusReport | undefined)?.mes.batchSize;
}

function printPlan({ streams, budgetLeft, guesses, closed }: Plan, limit: number): void {
  printTable(
    streams.map(({ connector, stream, changes, outcome, error, ...counts }) => ({
      stream: `${connector}/${stream}`,
      ...counts,
    })),
  );
  for (const stream of streams) printChanges(stream, limit);
  for (const { connector, stream, error } of streams) {
    if (error !== undefined) printLine(paint('red', `${connector}/${stream}: ${error}`));
  }
  printBlocked(closed);
  for (const { text } of guesses) printLine(paint('yellow', text));
  const left = budgetLeft === null ? '' : ` ${budgetLeft} requests are left of the MES's day budget.`;
  printLine(
    paint('dim', `Nothing was sent. That the MES takes everything is assumed, and limits are not applied.${left}`),
  );
}

function printChanges({ connector, stream, changes }: StreamPlan, limit: number): void {
  if (changes.length === 0) return;
  printLine();
  printLine(paint('bold', `${connector}/${stream}`));
  for (const change of changes.slice(0, limit)) printLine(`  ${describe(change)}`);
  if (changes.length > limit) printLine(`  … and ${changes.length - limit} more: --all, or --json`);
}

function describe({ action, entity, externalId, fields }: PlannedChange): string {
  const what = `${action.padEnd(6)} ${entity} ${externalId}`;
  if (action === 'create' || action === 'delete') return what;
  if (fields === undefined) return `${what}: content differs`;
  const names = Object.entries(fields).map(([name, { from, to }]) => {
    return from === undefined
      ? `${name} → ${JSON.stringify(to)}`
      : `${name} ${JSON.stringify(from)} → ${JSON.stringify(to)}`;
  });
  return `${what}: ${names.length === 0 ? 'sent again as it is' : names.join(', ')}`;
}

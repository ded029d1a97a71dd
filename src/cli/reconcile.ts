import type { BlockedKind } from '../app/blocked-kinds.ts';
import { UsageError } from '../core/errors.ts';
import type { ReconcileResult } from '../core/events.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { paint, printBlocked, printJson, printLine, printTable } from './output.ts';

interface ReconcileOptions {
  config?: string;
  release?: boolean;
  mes?: boolean;
  json?: boolean;
}

/** Compares all that the ERPs list with the ledger now; exit code 1 when a stream failed or withholds absences. */
export async function reconcileVerb(
  selection: string[],
  { config, release = false, mes = false, json = false }: ReconcileOptions,
): Promise<number> {
  const odd = selection.find((wanted) => wanted.split('/').length > 2);
  if (odd !== undefined) throw new UsageError(`${odd} is neither CONNECTOR nor CONNECTOR/STREAM.`);
  const context = await openContext({ config });
  const { signal } = onTermination();
  try {
    const { streams, closed = [] } = await callVerb(context, {
      name: 'reconcile',
      args: { selection, release, mes },
      signal,
    });
    if (json) printJson({ streams, closed });
    else {
      printReconciled(streams);
      printBlocked(closed);
    }
    return exitCode(streams, closed);
  } finally {
    await context.logger.close();
  }
}

function exitCode(results: readonly ReconcileResult[], closed: readonly BlockedKind[]): number {
  if (results.some(({ outcome }) => outcome !== 'ok')) return exitCodes.failed;
  if (closed.length > 0) return exitCodes.refused;
  return results.some(({ refused }) => refused > 0) ? exitCodes.refused : exitCodes.done;
}

function printReconciled(results: readonly ReconcileResult[]): void {
  printTable(
    results.map((result) => ({
      stream: `${result.connector}/${result.stream}`,
      outcome: result.outcome,
      checked: result.checked,
      missing: result.missing,
      stale: result.stale,
      extra: result.extra,
      lost: result.lost,
      repaired: result.repaired,
      vanished: result.vanished,
      pending: result.pending,
      withheld: result.withheld,
      refused: result.refused,
      'erp req': result.requests.erp,
      'mes req': result.requests.mes,
      seconds: Math.round(result.durationMs / 100) / 10,
    })),
  );
  for (const result of results) explain(result);
}

function explain({ connector, stream, error, withheld, pending }: ReconcileResult): void {
  const id = `${connector}/${stream}`;
  if (error !== undefined) printLine(paint('red', `${id}: ${error}`));
  if (withheld > 0) {
    const what = `${id}: ${withheld} records vanished at once; the MES was told nothing.`;
    printLine(paint('red', `${what} If that is right: erp-puller reconcile ${id} --release.`));
  }
  if (pending > 0) printLine(`${id}: not listed: ${pending}; the next run will tell whether they are gone.`);
}

import type { Stream } from '../connectors/connector.ts';
import { messageOf, WaitError } from '../core/errors.ts';
import type { ReconcileResult } from '../core/events.ts';
import type { Entity } from '../core/types.ts';
import { asOperator } from './as-operator.ts';
import { countErpRequests } from './erp-requests.ts';
import { requireFewLeftOut } from './left-out-limit.ts';
import { beginPass } from './pass.ts';
import type { PassContext } from './pass-types.ts';
import { createDue, type DueOptions } from './reconcile-due.ts';
import { type MesCounts, type MesSide, sweepMes } from './reconcile-mes.ts';
import { sweepStream, zeroSweep } from './sweep.ts';

export interface ReconcilerOptions extends DueOptions {
  mes: MesSide;
  /** Whether a scheduled run asks the MES for its lists too. */
  withMes: boolean;
}

export interface ReconcileRequest {
  /** Names of the streams; undefined: all. */
  streams: ReadonlySet<string> | undefined;
  /** Believes also what is otherwise withheld. */
  release: boolean;
  /** Asks the MES for its lists too. */
  mes: boolean;
  /** Once it aborts, the page under way is finished and no other begun. */
  stopping?: AbortSignal | undefined;
}

/** Compares one connector's streams with the ledger. Must not run beside a cycle of the same connector. */
export interface Reconciler {
  /** Now, as asked for by a person. Never throws. */
  run(request: ReconcileRequest, signal: AbortSignal): Promise<ReconcileResult[]>;
  /** What is due by schedule, or has absences that wait for a second look. Never throws. */
  runDue(paused: ReadonlyMap<string, unknown>, signal: AbortSignal, stopping?: AbortSignal): Promise<ReconcileResult[]>;
}

export function createReconciler(context: PassContext, options: ReconcilerOptions): Reconciler {
  const erpRequests = countErpRequests(context.events, context.session.name);
  const due = createDue(context, options);

  async function sweepAll(streams: readonly Stream[], asked: Asked, signal: AbortSignal): Promise<ReconcileResult[]> {
    const mes = await sweepMesIfAsked(asked, options.mes, signal);
    const results: ReconcileResult[] = [];
    for (const stream of streams) {
      if (signal.aborted) break;
      if (asked.stopping?.aborted) {
        results.push(notRun(context.session.name, stream.name));
        continue;
      }
      const result = await sweepOne(stream, { ...asked, mes, erpRequests }, signal);
      due.ended(stream, result);
      context.events.emit('reconcile:finished', { result });
      results.push(result);
    }
    return results;
  }

  return {
    run({ streams, release, mes, stopping }, signal) {
      const selected = context.session.streams.filter(({ name }) => streams?.has(name) ?? !options.off.has(name));
      return sweepAll(selected, { context: asOperator(context), release, withMes: mes, stopping }, signal);
    },
    async runDue(paused, signal, stopping) {
      try {
        const { streams, scheduled } = await due.streams(paused);
        if (streams.length === 0) return [];
        await context.session.edition?.(signal);
        const withMes = scheduled && options.withMes;
        return await sweepAll(streams, { context, release: false, withMes, stopping }, signal);
      } catch (error) {
        if (error instanceof WaitError) return [];
        context.events.emit('cycle:failed', { connector: context.session.name, error });
        return [];
      }
    },
  };
}

interface Asked {
  context: PassContext;
  release: boolean;
  withMes: boolean;
  stopping: AbortSignal | undefined;
}

/** What the lists of the MES said, or why they could not be read. */
interface MesFindings {
  found: ReadonlyMap<Entity, MesCounts>;
  error?: string;
}

async function sweepMesIfAsked(asked: Asked, mes: MesSide, signal: AbortSignal): Promise<MesFindings> {
  if (!asked.withMes) return { found: new Map() };
  try {
    return { found: await sweepMes({ ...asked.context, release: asked.release }, mes, signal) };
  } catch (error) {
    return { found: new Map(), error: `The lists of the MES could not be read: ${messageOf(error)}` };
  }
}

type Sweeping = Asked & { mes: MesFindings; erpRequests(): number };

async function sweepOne(
  stream: Stream,
  { context, release, mes, stopping, erpRequests }: Sweeping,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  const startedMs = context.clock.monotonicMs();
  const requestsBefore = erpRequests();
  const counts = zeroSweep();
  const spent = { refused: 0, mes: 0 };
  let error = mes.error;
  try {
    const pass = await beginPass(context, stream, signal);
    try {
      // Before its first load there is nothing to compare with, and that load will bring everything.
      if (pass.state.fingerprint !== null) {
        await requireFewLeftOut(pass, release, signal);
        await sweepStream(pass, { release, counts, stopping }, signal);
      }
    } finally {
      Object.assign(spent, { refused: pass.counts.refused, mes: pass.requests.mes });
    }
  } catch (caught) {
    error = messageOf(caught);
  }
  const inMes = mes.found.get(stream.entity) ?? { lost: 0, extra: 0, withheld: 0 };
  const withheld = counts.withheld + inMes.withheld;
  return {
    connector: context.session.name,
    stream: stream.name,
    ...counts,
    outcome: error !== undefined ? 'failed' : withheld > 0 ? 'withheld' : 'ok',
    withheld,
    extra: counts.extra + inMes.extra,
    lost: inMes.lost,
    repaired: counts.missing + counts.stale + counts.vanished,
    refused: spent.refused,
    requests: { erp: erpRequests() - requestsBefore, mes: spent.mes },
    durationMs: Math.round(context.clock.monotonicMs() - startedMs),
    ...(error === undefined ? {} : { error }),
  };
}

function notRun(connector: string, stream: string): ReconcileResult {
  return {
    connector,
    stream,
    ...zeroSweep(),
    outcome: 'failed',
    lost: 0,
    repaired: 0,
    refused: 0,
    requests: { erp: 0, mes: 0 },
    durationMs: 0,
    error: 'Not run: the program is stopping.',
  };
}

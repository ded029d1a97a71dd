import { asError } from '../core/errors.ts';
import type { Outcome } from '../core/types.ts';
import { createDoubt } from './doubt.ts';
import { failedEntityOf, type Outage } from './outage.ts';
import type { PushLedger } from './parents.ts';
import type { PushReport } from './report.ts';
import type { Nesting, Transport, Tree } from './sink.ts';
import type { CountedTransport } from './transport.ts';

/** Pushes new jobs together with what belongs to them. */
export interface TreePusher {
  /** Whether the MES is better given new jobs so. Sends nothing. */
  wanted(): Promise<boolean>;
  push(trees: readonly Tree[], ledger: Pick<PushLedger, 'noteSending'>, signal: AbortSignal): Promise<PushReport>;
}

interface Shared {
  open(signal: AbortSignal): CountedTransport;
  /** Runs so many side by side as the MES is given now. */
  sideBySide(tasks: readonly (() => Promise<void>)[]): Promise<void>;
  outage: Pick<Outage, 'failed' | 'delivered' | 'isOpen'> | undefined;
}

export function createTreePusher(nesting: Nesting, { open, sideBySide, outage }: Shared): TreePusher {
  return {
    wanted: () => nesting.wanted(),
    async push(trees, { noteSending }, signal) {
      const transport = open(signal);
      const doubt = createDoubt({ named: true });
      const toMes = doubt.follow(transport.serving?.('job') ?? transport);
      const run: Run = { nesting, noteSending, toMes, outage, outcomes: [], failure: undefined };
      await sideBySide(trees.map((tree) => () => attempt(run, tree)));
      const { outcomes, failure } = run;
      const failedEntity = failure === undefined ? undefined : failedEntityOf('job', failure, outage);
      const all = trees.flatMap(({ job, children }) => [job, ...children]);
      return { outcomes, doubtful: doubt.left(all, outcomes), requests: transport.requests(), failure, failedEntity };
    },
  };
}

interface Run {
  nesting: Nesting;
  noteSending: PushLedger['noteSending'];
  toMes: Transport;
  outage: Shared['outage'];
  outcomes: Outcome[];
  /** Set once a tree could not be delivered: no further one is sent, each would only cost the budget. */
  failure: Error | undefined;
}

/** What of a tree goes out, once it is noted; a state that cannot be written is no fault of the MES. */
async function prepare(run: Run, tree: Tree): Promise<Tree | undefined> {
  try {
    const selected = await run.nesting.select(tree);
    if (selected !== undefined) await run.noteSending?.([selected.job, ...selected.children]);
    return selected;
  } catch (error) {
    run.failure ??= asError(error);
    return undefined;
  }
}

async function attempt(run: Run, tree: Tree): Promise<void> {
  if (run.failure !== undefined) return;
  const selected = await prepare(run, tree);
  if (selected === undefined) return;
  try {
    const created = await run.nesting.create(selected, run.toMes);
    for (const { change, mesId } of created) run.outcomes.push({ kind: 'delivered', change, action: 'created', mesId });
    if (created.length > 0) run.outage?.delivered('job');
  } catch (error) {
    run.outage?.failed('job', error);
    run.failure ??= asError(error);
  }
}

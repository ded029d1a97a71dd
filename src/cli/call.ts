import type { AppOptions, RunExclusive } from '../app/app.ts';
import { callControl } from '../app/control.ts';
import { type Results, type VerbArgs, type VerbName, verbHandlers } from '../app/verbs.ts';
import { systemClock } from '../core/clock.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import { NoStateError } from '../state/failure.ts';
import { hasLedger } from '../state/ledger.ts';
import { openScratchStore } from '../state/scratch-store.ts';
import { type Context, openAppFor } from './context.ts';

/** The state as it is now, or that of before a first start: without a lock, and nothing is written. */
const onlyReading: Pick<AppOptions, 'openStore'> = {
  openStore: ({ directory, clock }) =>
    hasLedger(directory)
      ? openEmbeddedStore({ directory, clock, readOnly: true })
      : openScratchStore({ directory, clock }),
};

/** A daemon of an older version does not tell of what waits for the MES. */
type Answered<Name extends VerbName> = Results[Name] extends { closed: infer Closed }
  ? Omit<Results[Name], 'closed'> & { closed?: Closed }
  : Results[Name];

/** A daemon answers most verbs at once; after so long a person wants to know what is waited for. */
const patienceMs = 5000;
const waitingText =
  'Waiting for the daemon, which does this itself, after the run that is under way. Where it hangs, `erp-puller health` says so.\n';

/** Does what a verb needs the state for: the daemon does it when one runs, else this process. */
export async function callVerb<Name extends VerbName>(
  context: Context,
  { name, args, signal }: { name: Name; args: VerbArgs<Name>; signal: AbortSignal },
): Promise<Answered<Name>> {
  const cancelNotice = systemClock.after(patienceMs, () => process.stderr.write(waitingText));
  const answer = await callControl(context.loaded.config.state.directory, { verb: name, args }, signal).finally(
    cancelNotice,
  );
  if (answer !== undefined) return answer as Answered<Name>;
  if (name !== 'sync' && name !== 'status') requireState(context.loaded.config.state.directory);
  const selection = 'selection' in args ? args.selection : [];
  const app = await openAppFor(context, { selection, ...(name === 'status' ? onlyReading : {}) });
  try {
    if (name === 'sync' || name === 'reconcile') await app.prepare(signal);
    const exclusive: RunExclusive = (_name, task) => task(signal);
    return (await verbHandlers(app, { exclusive, watched: exclusive })(name, args)) as Answered<Name>;
  } finally {
    await app.close();
  }
}

/** What changes a state must not make one. */
function requireState(directory: string): void {
  if (hasLedger(directory)) return;
  throw new NoStateError(directory);
}

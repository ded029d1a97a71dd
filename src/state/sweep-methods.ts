import type { Ledger } from './ledger.ts';
import type { SweepEnd, SweepStore } from './store.ts';
import type { Sweeps } from './sweeps.ts';

/** Absences noted a transaction: an empty list misses every record, and the process must go on answering meanwhile. */
const notedAtOnce = 2000;

type Noting = Parameters<Sweeps['note']>[0];
type Guard = <T>(work: () => T | Promise<T>) => Promise<T>;

/** What reconciling asks of the ledger; `guarded` gives faults of the disk their names. */
export function sweepMethods(ledger: Ledger, guarded: Guard): SweepStore {
  const { sweeps, records, removals } = ledger;
  return {
    beginSweep: (source, sets) => guarded(() => sweeps.begin(source, sets)),
    see: (source, refs) => guarded(() => sweeps.see(source, refs)),
    countUnseen: (source, sets) => guarded(() => sweeps.count(source, sets)),
    markUnseen: (mark) => guarded(() => ledger.change(() => sweeps.markParents(mark))),
    absent: (query) => guarded(() => sweeps.absent(query)),
    heldOf: (source, refs) => guarded(() => sweeps.heldOf(source, refs)),
    countWaitingUnseen: (source, sets) => guarded(() => sweeps.countWaiting(source, sets)),
    dropWaitingUnseen: (query) => guarded(() => ledger.change(() => sweeps.dropWaiting(query))),
    endSweep: (end) => guarded(() => endSweep(ledger, end)),
    abandonSweep: (source, sets) => guarded(() => ledger.change(() => sweeps.refute(source, sets))),
    sweeps: () => guarded(() => sweeps.status()),
    seeInMes: (source, entity, mesIds) => guarded(() => sweeps.seeInMes(source, entity, mesIds)),
    countLost: (source, entity) => guarded(() => sweeps.countLost(source, entity)),
    lost: (source, entity, limit) => guarded(() => sweeps.lost(source, entity, limit)),
    withLiveBelow: (source, entity, ids) => guarded(() => removals.withLiveBelow(source, entity, ids)),
    beginRemoval: (source, { entity, externalId }) =>
      guarded(() => ledger.change(() => removals.begin(records.scope(source, entity), externalId))),
    begunRemovals: (source, refs) => guarded(() => removals.begun(source, refs)),
    endRemoval: (source, { entity, externalId }, became) =>
      guarded(() =>
        ledger.change(() => {
          const scope = records.scope(source, entity);
          if (became === 'there') return removals.keep(scope, externalId);
          records.remove(source, entity, [externalId]);
          removals.end(scope, [externalId]);
        }),
      ),
    forgetLost: (source, refs) =>
      guarded(() =>
        ledger.change(() => {
          for (const [entity, some] of Map.groupBy(refs, (ref) => ref.entity)) {
            records.markLost(
              records.scope(source, entity),
              some.map(({ externalId }) => externalId),
            );
          }
        }),
      ),
  };
}

async function endSweep(ledger: Ledger, end: SweepEnd): Promise<void> {
  const { sweeps } = ledger;
  const { source, sets, waiting, at } = end;
  const withheld = end.withheld > 0;
  await ledger.change(() => sweeps.noteWaiting({ source, sets: waiting, at, withheld }));
  for (const set of sets) {
    let after: string | undefined = '';
    while (after !== undefined) {
      const query: Noting = { source, set, after, limit: notedAtOnce, at, withheld };
      after = await ledger.change(() => sweeps.note(query));
    }
  }
  await ledger.change(() => {
    sweeps.settle(source, sets);
    sweeps.settle(source, waiting);
    sweeps.end(end);
  });
}

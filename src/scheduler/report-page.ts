import { type Counts, zeroCounts } from '../core/events.ts';
import { recordKey } from '../core/records.ts';
import type { Outcome } from '../core/types.ts';
import type { BadRow } from '../state/store.ts';
import type { Pass } from './pass-types.ts';

interface PageOutcomes {
  outcomes: readonly Outcome[];
  /** Those that are news: a row that stays bad is read again and again. */
  badRows: readonly BadRow[];
}

/** Counts a committed page, from the rows that became no records on, and says what became of it. */
export function reportPage(
  pass: Pass,
  rows: Pick<Counts, 'read' | 'unchanged' | 'refused'>,
  { outcomes, badRows }: PageOutcomes,
): void {
  const { events, id } = pass;
  const counts: Counts = { ...zeroCounts(), ...rows };
  for (const { key, reason } of badRows) events.emit('record:refused', { stream: id, key: `row ${key}`, reason });
  for (const outcome of outcomes) {
    const { entity, externalId, lifecycle } = outcome.change.record;
    if (outcome.kind === 'parked') counts.parked += 1;
    if (outcome.kind === 'refused') {
      counts.refused += 1;
      events.emit('record:refused', { stream: id, key: recordKey({ entity, externalId }), reason: outcome.reason });
    }
    if (outcome.kind !== 'delivered') continue;
    const was = outcome.change.known?.lifecycle;
    const held = outcome.change.known?.hash != null;
    if (held && lifecycle === 'cancelled' && was !== 'cancelled') counts.deleted += 1;
    else counts[outcome.action] += 1;
    if (held && was === 'cancelled' && lifecycle !== 'cancelled' && entity !== 'cell' && entity !== 'resource') {
      events.emit('record:left-on-hold', { stream: id, entity, externalId });
    }
  }
  for (const name of Object.keys(counts) as (keyof Counts)[]) pass.counts[name] += counts[name];
  events.emit('page:committed', { stream: id, counts });
}

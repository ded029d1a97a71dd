import type { ConnectorSession, Stream } from '../connectors/connector.ts';
import { mayBeHeld, waitingForCycleEnd } from '../core/records.ts';
import type { Change, Entity, Outcome } from '../core/types.ts';
import type { Pusher } from '../push/pusher.ts';

/** How a cycle goes about new jobs that the MES is better given together with what belongs to them. */
export interface Gathering {
  /** Some are held back: the counts of the streams may still grow at the end of the cycle. */
  any: boolean;
}

const family: readonly Entity[] = ['job', 'part', 'operation'];

/** Whether a cycle over these streams sees jobs with all that belongs to them; undefined: all streams. */
export function seesTrees({ streams }: ConnectorSession, selected: ReadonlySet<string> | undefined): boolean {
  if (!family.every((entity) => streams.some((stream) => brings(stream, entity)))) return false;
  const concerned = streams.filter((stream) => family.some((entity) => brings(stream, entity)));
  return concerned.every(({ name }) => selected?.has(name) ?? true);
}

function brings({ entity, otherEntities = [] }: Stream, wanted: Entity): boolean {
  return entity === wanted || otherEntities.includes(wanted);
}

interface Holding {
  pusher: Pick<Pusher, 'trees'>;
  gathering?: Gathering | undefined;
}

/** Parks new jobs until the end of the cycle, where the MES is better given them with their children; these park by themselves. */
export async function holdBack(
  { pusher, gathering }: Holding,
  changes: readonly Change[],
  force: boolean,
): Promise<{ now: readonly Change[]; later: Outcome[] }> {
  const worth = !force && gathering !== undefined && changes.some(isNewJob) && (await pusher.trees?.wanted());
  if (worth !== true) return { now: changes, later: [] };
  gathering.any = true;
  const later = changes.filter(isNewJob).map((change): Outcome => {
    return { kind: 'parked', change, waitsFor: waitingForCycleEnd(change.record) };
  });
  return { now: changes.filter((change) => !isNewJob(change)), later };
}

function isNewJob({ record, known }: Change): boolean {
  return record.entity === 'job' && record.lifecycle !== 'cancelled' && !mayBeHeld(known);
}

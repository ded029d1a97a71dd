import { type Entity, entities } from '../../core/types.ts';
import type { Ability, Capabilities } from './ability.ts';
import { possibleTasks, tasks } from './ways.ts';

/** How long what is known of a MES counts: a day, less while some kind of record is taken in no way. */
const keptMs = 86_400_000;
/** A MES that is being changed is often mended soon. One that is broken for good is not asked about at every request: a look takes up to a dozen. */
export const pauseMs = 10 * 60_000;
/** The pause doubles up to this while records wait for the MES to be mended. */
const longestPauseMs = 6 * 3_600_000;

export function ageMs({ at }: { at: string }, now: Date): number {
  return Math.abs(now.getTime() - Date.parse(at));
}

/** Whether a look is due. */
export function isOld(known: Capabilities, now: Date): boolean {
  const { closing, unsure } = known;
  const reopens = isFaulty(known) && ageMs(closing ?? known, now) >= (closing?.waitMs ?? pauseMs);
  return reopens || ageMs(known, now) >= (unsure === true ? pauseMs : keptMs);
}

/** With the pause until the next look, where some kind is not taken as it should be; it doubles as long as the fault lasts. */
export function withPause(known: Capabilities, before: Capabilities | undefined, now: Date): Capabilities {
  if (!isFaulty(known)) return before?.closing === undefined ? known : { ...known, closing: before.closing };
  const waitMs = before === undefined ? pauseMs : waitBehind(before, now);
  return { ...known, closing: { at: now.toISOString(), waitMs } };
}

function waitBehind(known: Capabilities, now: Date): number {
  const { closing } = known;
  if (closing === undefined) return pauseMs;
  const age = ageMs(closing, now);
  // Taken for as long again when the pause had ended: a new fault.
  if (!isFaulty(known) && age >= 2 * closing.waitMs) return pauseMs;
  // A second kind, or a look in between, does not double it.
  return age < closing.waitMs ? closing.waitMs : Math.min(2 * closing.waitMs, longestPauseMs);
}

/** That kind is taken in no way, for that reason. */
export function withoutWay(known: Capabilities, entity: Entity, reason: string): Capabilities {
  const ability = known.entities[entity];
  const closed: Ability = { ...ability, ...noWay, faults: [...ability.faults, reason] };
  return { ...known, entities: { ...known.entities, [entity]: closed } };
}

const noWay = { classic: null, put: false, erpSync: 'no', post: false } as const;

/**
 * Something of a kind is taken in no way, or resources by no function of their own, so that what people have set of them is lost. What could
 * not be found out is asked about soon anyway.
 */
function isFaulty({ generation, entities: abilities }: Capabilities): boolean {
  if (generation === 'generic' && !abilities.resource.post && abilities.resource.unknown === undefined) return true;
  return entities.some((entity) => {
    const ability = abilities[entity];
    return ability.unknown === undefined && possibleTasks(entity, ability).length < tasks.length;
  });
}

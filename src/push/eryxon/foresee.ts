import { isHeld } from '../../core/records.ts';
import type { Batch, ReadyChange, SinkResult } from '../sink.ts';
import type { Ability } from './ability.ts';
import { shape } from './columns.ts';
import { learn } from './deliver.ts';
import type { Discovery } from './discovery.ts';
import type { Session } from './session.ts';
import { planWays, type WayName } from './ways.ts';

/** What becomes of changes that a delivery would not send, as far as it is known without asking. */
export type Foresee = (batch: Batch) => Promise<ReadonlyMap<ReadyChange, SinkResult>>;

export function createForesee(discovery: Discovery, session: Session): Foresee {
  return async ({ entity, changes }) => {
    const known = await discovery.known();
    if (known === undefined) return new Map();
    learn(session, known);
    const ability = known.entities[entity];
    const plan = planWays(ability, { entity, changes }, await session.proofCost(entity));
    return new Map([...plan].flatMap(([way, group]) => unsentOf({ way, group, ability }, session)));
  };
}

interface Group {
  /** undefined: this MES takes these in no way. */
  way: WayName | undefined;
  group: readonly ReadyChange[];
  ability: Ability;
}

function unsentOf({ way, group, ability }: Group, session: Session): [ReadyChange, SinkResult][] {
  const faults = ability.faults.join('; ');
  if (way === undefined) return group.map((change) => [change, { kind: 'unavailable', reason: faults }]);
  return group.flatMap((change): [ReadyChange, SinkResult][] => {
    const reason = misfit(way, change, session);
    return reason === undefined ? [] : [[change, { kind: 'refused', reason }]];
  });
}

/** Why the columns of its table cannot hold it: that is refused before it is sent. */
function misfit(way: WayName, change: ReadyChange, session: Session): string | undefined {
  if (way === 'classic-bulk' || way === 'classic-put') return undefined;
  const lacking = session.lacking(change.record.entity);
  const shaped = shape(change, { creating: !isHeld(change.known), lacking });
  return typeof shaped === 'string' ? shaped : undefined;
}

import { entities } from '../../core/types.ts';
import type { Batch, ReadyChange } from '../sink.ts';
import type { Capabilities } from './capabilities.ts';
import { largest } from './deliver.ts';
import type { Discovery } from './discovery.ts';
import { groupByIds } from './erp-sync.ts';
import type { Session } from './session.ts';
import { planWays, taskOf, type WayName } from './ways.ts';

/** Requests that a batch takes if all goes well, without sending any: what is found out first and read back included. */
export type Estimate = (batch: Batch) => Promise<number>;

/** What is asked once and not again by later batches. */
interface Asked {
  capabilities: boolean;
  cells: boolean;
  status: boolean;
}

export function createEstimate(discovery: Discovery, session: Session): Estimate {
  const asked: Asked = { capabilities: false, cells: session.cellSequence !== undefined, status: false };
  return async ({ entity, changes }) => {
    const known = await discovery.known();
    const fresh = known !== undefined && !discovery.isStale(known);
    let requests = asked.capabilities || fresh ? 0 : probeRequests(known);
    asked.capabilities = true;
    if (known === undefined) return requests + 1;
    const ability = known.entities[entity];
    const distrusted = ability.classic === null && (await session.isDistrusted());
    for (const [way, group] of planWays(ability, changes, distrusted)) {
      const batch = { entity, changes: group };
      if (way === 'classic-bulk') requests += await classicRequests(batch, session, asked);
      else if (way !== undefined) requests += requestsOf(way, batch, session) + cellRequests(way, batch, asked);
    }
    return requests;
  };
}

/** The end of the cells is looked up before the first new one. */
function cellRequests(way: WayName, { entity, changes }: Batch, asked: Asked): number {
  if (asked.cells || entity !== 'cell' || way === 'classic-put' || !changes.some(isCreate)) return 0;
  asked.cells = true;
  return 1;
}

/** Changes of status are looked at once, and go by themselves where bulk-sync loses them. */
async function classicRequests({ entity, changes }: Batch, session: Session, asked: Asked): Promise<number> {
  const status = changes.filter((change) => taskOf(change) === 'status');
  const byPut = status.length === 0 ? false : await session.statusByPut.get();
  const inBulk = changes.length - (byPut === true ? status.length : 0);
  const bulk = Math.ceil(inBulk / largest('classic-bulk', entity));
  if (byPut === true) return bulk + status.length;
  const looks = byPut === undefined && !asked.status && status.some(({ known }) => known?.mesId != null);
  asked.status ||= looks;
  return bulk + (looks ? 1 : 0);
}

/** An installation that nobody has asked yet is taken for the documented one. */
function probeRequests(known: Capabilities | undefined): number {
  if (known === undefined || known.generation === 'classic') return 1;
  return 2 + entities.length + entities.filter((entity) => known.entities[entity].lists !== null).length;
}

function isCreate(change: ReadyChange): boolean {
  return taskOf(change) === 'create';
}

function requestsOf(way: WayName, { entity, changes }: Batch, session: Session): number {
  if (way === 'erp-sync') return groupByIds(changes).length;
  const chunk = Math.min(largest(way, entity), changes.length);
  if (way !== 'generic-bulk') return changes.length;
  let requests = 0;
  for (let start = 0; start < changes.length; start += chunk) {
    const part = changes.slice(start, start + chunk);
    const updates = part.filter(({ known }) => known?.mesId != null);
    requests += 1 + (updates.length < part.length ? 1 : 0) + session.sample(updates, (change) => change).length;
  }
  return requests;
}

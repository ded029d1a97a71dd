import { type Entity, entities } from '../../core/types.ts';
import type { Batch, ReadyChange } from '../sink.ts';
import type { Capabilities, ProofCost } from './ability.ts';
import { mayLoseStatus } from './classic.ts';
import { looksBefore } from './classic-keep.ts';
import { largest } from './deliver.ts';
import type { Discovery } from './discovery.ts';
import { groupByIds } from './erp-sync.ts';
import { groupByProof } from './generic-bulk.ts';
import type { Session } from './session.ts';
import { planWays, taskOf, type WayName } from './ways.ts';

/** Requests that a batch takes if all goes well, without sending any: what is found out first and read back included. */
export interface Estimate {
  batch(batch: Batch): Promise<number>;
  /** Of a job with what belongs to it. */
  tree(): Promise<number>;
  /** Of a deletion with its proof, and of finding out how this MES deletes. */
  removal(entity: Entity): Promise<number>;
}

/** What is asked once and not again by later batches. */
interface Asked {
  capabilities: boolean;
  cells: boolean;
  status: boolean;
  deletes: boolean;
  /** Whether what is deleted can come back, an entity. */
  comesBack: Set<Entity>;
}

export function createEstimate(discovery: Discovery, session: Session): Estimate {
  const asked: Asked = {
    capabilities: false,
    cells: session.lastCell !== undefined,
    status: false,
    deletes: false,
    comesBack: new Set(),
  };
  const looks = (known: Capabilities | undefined) => {
    const fresh = known !== undefined && !discovery.isStale(known);
    const requests = asked.capabilities || fresh ? 0 : probeRequests(known);
    asked.capabilities = true;
    return requests;
  };
  return {
    async batch({ entity, changes }) {
      const known = await discovery.known();
      let requests = looks(known);
      if (known === undefined) return requests + 1;
      const ability = known.entities[entity];
      const proof = await session.proofCost(entity);
      for (const [way, group] of planWays(ability, { entity, changes }, proof)) {
        const batch = { entity, changes: group };
        requests += (await wayRequests(way, batch, { session, asked, proof })) + cellRequests(way, batch, asked);
      }
      return requests;
    },
    tree: async () => looks(await discovery.known()) + 1,
    removal: async (entity) => removalRequests(entity, await discovery.known(), asked),
  };
}

/** Why the requests that are counted may not be those that a pass takes; a plan asks the MES nothing. */
export interface Guess {
  code: 'mes-never-asked' | 'mes-closed' | 'status-in-bulk';
  text: string;
}

export async function guessesOf(discovery: Discovery, { statusByPut }: Session): Promise<Guess[]> {
  const known = await discovery.known();
  if (known === undefined) {
    const text =
      'This MES has never been asked what it can do: requests are counted as for the documented generation. Most other installations take one ' +
      'for each cell, resource and operation, and about ten to find that out.';
    return [{ code: 'mes-never-asked', text }];
  }
  if (known.generation !== 'classic' || (await statusByPut.get()) !== undefined) return [];
  const text =
    'Whether this MES keeps a status that is sent in bulk shows with the first one. If it does not, each record that is put on hold takes ' +
    'one request more.';
  return [{ code: 'status-in-bulk', text }];
}

interface Knowing {
  session: Session;
  asked: Asked;
  proof: ProofCost;
}

async function wayRequests(
  way: WayName | undefined,
  batch: Batch,
  { session, asked, proof }: Knowing,
): Promise<number> {
  if (way === undefined) return 0;
  if (way === 'classic-bulk') return (await classicRequests(batch, session, asked)) + lookRequests(batch, proof);
  if (way === 'classic-put') return batch.changes.length + lookRequests(batch, proof);
  if (way === 'generic-bulk') return bulkRequests(batch, session, proof);
  return way === 'erp-sync' ? groupByIds(batch.changes).length : batch.changes.length;
}

/** The end of the cells is looked up before the first new one. */
function cellRequests(way: WayName | undefined, { entity, changes }: Batch, asked: Asked): number {
  if (asked.cells || entity !== 'cell' || way?.startsWith('classic') !== false || !changes.some(isCreate)) return 0;
  asked.cells = true;
  return 1;
}

/** Changes of status are looked at once, and go by themselves where bulk-sync loses them. */
async function classicRequests({ entity, changes }: Batch, session: Session, asked: Asked): Promise<number> {
  const status = changes.filter(mayLoseStatus);
  const byPut = status.length === 0 ? false : await session.statusByPut.get();
  const inBulk = changes.length - (byPut === true ? status.length : 0);
  const bulk = Math.ceil(inBulk / largest('classic-bulk', entity));
  if (byPut === true) return bulk + status.length;
  const looks = byPut === undefined && !asked.status && status.some(({ known }) => known?.mesId != null);
  asked.status ||= looks;
  return bulk + (looks ? 1 : 0);
}

/** What people at the MES set of cells and resources is read before these are updated. */
function lookRequests(batch: Batch, { listPages }: ProofCost): number {
  const looks = looksBefore(batch);
  if (looks === undefined) return 0;
  return looks === 'list' ? listPages : looks.ids.length;
}

/** An installation that nobody has asked yet is taken for the documented one. */
function probeRequests(known: Capabilities | undefined): number {
  if (known === undefined || known.generation === 'classic') return 1;
  return 2 + entities.length + entities.filter((entity) => known.entities[entity].lists !== null).length;
}

/** A row that only hides gives up its keys, is deleted, and is looked for; one that is deleted for good is looked for. */
function removalRequests(entity: Entity, known: Capabilities | undefined, asked: Asked): number {
  const looks = asked.deletes ? 0 : 1;
  asked.deletes = true;
  if (known === undefined || known.generation === 'classic') return looks + 2;
  const obstacles = asked.comesBack.has(entity) ? 0 : 1;
  asked.comesBack.add(entity);
  return looks + obstacles + 3;
}

function isCreate(change: ReadyChange): boolean {
  return taskOf(change) === 'create';
}

/** The bulk-sync, a look for what is new, another for what is put on hold, and one for each update of the sample. */
function bulkRequests({ entity, changes }: Batch, session: Session, { listPages }: ProofCost): number {
  const chunk = largest('generic-bulk', entity);
  let requests = 0;
  for (let start = 0; start < changes.length; start += chunk) {
    const { creates, held, updates } = groupByProof(changes.slice(start, start + chunk), (change) => change);
    requests += 1 + (creates.length > 0 ? 1 : 0) + (held.length > 0 ? listPages : 0);
    requests += session.sample(updates, (change) => change).length;
  }
  return requests;
}

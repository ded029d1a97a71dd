import { messageOf, TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import { type Entity, entities } from '../../core/types.ts';
import { reachOf } from '../outage.ts';
import type { Transport } from '../sink.ts';
import type { Ability, Capabilities } from './ability.ts';
import type { Answer } from './answers.ts';
import { tables } from './bodies.ts';
import { readRows } from './lists.ts';
import type { ListCall } from './pages.ts';
import { ask } from './request.ts';
import { readVerdict, SchemaError } from './verdict.ts';

/**
 * Finds out what an installation can do, in at most a dozen requests that leave nothing behind: an empty list, records that reach the
 * database and cannot be stored there, and looks at lists. What the MES says of them tells code that does not start, a database
 * without the columns that the code writes, and ways that work apart.
 */
export async function probe(base: string, transport: Transport, now: Date): Promise<Capabilities> {
  const found = { url: base, at: now.toISOString(), lacking: [] };
  const style = await anyStyle(base, transport);
  if (style !== 'generic') {
    const ability: Ability = { classic: style, put: false, erpSync: 'no', post: false, lists: null, faults: [] };
    return { ...found, generation: 'classic', entities: perEntity(() => ({ ...ability, faults: [] })) };
  }
  const abilities = {} as Record<Entity, Ability>;
  for (const entity of entities) abilities[entity] = await tryPut(base, entity, transport);
  const capabilities: Capabilities = { ...found, generation: 'generic', entities: abilities };
  const erpSync = await passing(() => tryErpSync(base, capabilities, transport));
  for (const entity of entities) {
    const ability = abilities[entity];
    if (erpSync !== undefined && erpSyncEntities.includes(entity)) setUnknown(ability, erpSync);
    if (ability.put) await tryList({ base, entity, transport }, ability);
  }
  const unsure = entities.some((entity) => abilities[entity].unknown !== undefined);
  return unsure ? { ...capabilities, unsure } : capabilities;
}

async function tryList(call: ListCall, ability: Ability): Promise<void> {
  const fault = await passing(async () => {
    ability.lists = (await readRows(call, '', 1)) !== undefined;
  });
  if (fault !== undefined) setUnknown(ability, fault);
  else if (!ability.lists) ability.faults.push('its list does not answer, so that a bulk-sync could not be proved');
}

function setUnknown(ability: Ability, fault: string): void {
  ability.unknown = fault;
  ability.faults.push(fault);
}

/** One endpoint that fails keeps nothing else from being found out; resolves to its fault. */
async function passing(attempt: () => Promise<void>): Promise<string | undefined> {
  try {
    await attempt();
    return undefined;
  } catch (error) {
    if (!(error instanceof TransientError) || reachOf(error) !== 'entity') throw error;
    return messageOf(error);
  }
}

/** As the first endpoint tells that answers. Throws SchemaError where none of the functions starts. */
async function anyStyle(base: string, transport: Transport): Promise<Style> {
  let style: Style | undefined;
  let fault: string | undefined;
  let notStarting: SchemaError | undefined;
  for (const entity of ['job', 'part', 'cell'] as const) {
    try {
      const why = await passing(async () => {
        style = await styleOf({ base, entity, transport });
      });
      fault ??= why;
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      notStarting ??= error;
    }
    if (style !== undefined) return style;
  }
  // A function that may start next time counts for more than those that do not.
  if (fault === undefined && notStarting !== undefined) throw notStarting;
  throw new TransientError(String(fault), { malformed: true });
}

type Style = 'bulk' | 'put' | 'generic';

export function perEntity(make: (entity: Entity) => Ability): Record<Entity, Ability> {
  return Object.fromEntries(entities.map((entity) => [entity, make(entity)])) as Record<Entity, Ability>;
}

/** An empty bulk-sync: the documented API answers a list of results, the generic one counters, installations without it 404. */
async function styleOf(call: ListCall): Promise<Style> {
  const body = JSON.stringify({ [tables[call.entity]]: [] });
  const answer = await ask(call, { method: 'POST', rest: '/bulk-sync', body });
  const results = isObject(answer.data) ? answer.data['results'] : undefined;
  if (isObject(results)) return 'generic';
  return Array.isArray(results) || !isMissing(answer) ? 'bulk' : 'put';
}

function isMissing({ status }: Answer): boolean {
  return status === 404 || status === 405;
}

/** Nobody's records: none of them can be stored, and if one were, this says whose it is. */
const probeIds = { external_id: 'erp-puller-probe', external_source: 'erp-puller-probe' };
/** Passes the validators and is in no calendar. */
const noDay = '2026-02-30';
/** An id that no record has: nothing changes, and only an endpoint that works says so. */
export const nobody = '00000000-0000-4000-8000-000000000000';

/** Without what the database requires; the validator of jobs asks for a number, so there it is a day that does not exist. */
async function tryPut(base: string, entity: Entity, transport: Transport): Promise<Ability> {
  const ability: Ability = { classic: null, put: false, erpSync: 'no', post: false, lists: null, faults: [] };
  const body = { ...probeIds, ...(entity === 'job' ? { job_number: 'erp-puller-probe', due_date: noDay } : {}) };
  const question = { method: 'PUT', rest: '/sync', body: JSON.stringify(body) } as const;
  const unknown = await passing(async () => {
    const answer = await ask({ base, entity, transport }, question).catch((error: unknown) => {
      if (error instanceof SchemaError) return error;
      throw error;
    });
    if (answer instanceof SchemaError) {
      ability.faults.push(answer.message);
      return;
    }
    const verdict = readVerdict(answer.message);
    const lacks = verdict.kind === 'unknown-column' ? verdict.column : undefined;
    // Every create carries the ids.
    ability.post = !isMissing(answer) && !(lacks !== undefined && lacks in probeIds);
    ability.put = ability.post && lacks === undefined;
    if (!ability.put) ability.faults.push(`sync: ${answer.message || `HTTP ${answer.status}`}`);
  });
  if (unknown !== undefined) setUnknown(ability, unknown);
  return ability;
}

const erpSyncProbes = {
  jobs: [{ ...probeIds, job_number: 'erp-puller-probe', due_date: noDay }],
  parts: [{ ...probeIds, part_number: 'erp-puller-probe', job_id: nobody }],
  resources: [{ ...probeIds, name: 'erp-puller-probe', type: 'probe', active: 'neither' }],
};

const erpSyncTables = ['job', 'part', 'resource'] as const;
const erpSyncEntities: readonly Entity[] = erpSyncTables;

/** One call for the three: none can be stored, and each is told of by itself. */
async function tryErpSync(base: string, capabilities: Capabilities, transport: Transport): Promise<void> {
  const options = { skip_unchanged: false, record_history: false };
  const body = JSON.stringify({ source: 'erp-puller', options, ...erpSyncProbes });
  const question = { method: 'POST', name: 'api-erp-sync', rest: '/sync', body } as const;
  const answer = await ask({ base, entity: 'job', transport }, question).catch((error: unknown) => {
    if (error instanceof SchemaError) return undefined;
    throw error;
  });
  const outcomes = isObject(answer?.data) && isObject(answer.data['entities']) ? answer.data['entities'] : {};
  for (const entity of erpSyncTables) {
    const message = errorOf(outcomes[tables[entity]]);
    const ability = capabilities.entities[entity];
    if (message === undefined) continue;
    const verdict = readVerdict(message);
    if (verdict.kind !== 'unknown-column') {
      ability.erpSync = 'all';
      continue;
    }
    ability.faults.push(`erp-sync: ${message}`);
    const { column } = verdict;
    // Without the hash or the ids nothing is found again; a column of new records alone leaves updates whole.
    if (column !== 'sync_hash' && !(column in probeIds)) ability.erpSync = 'updates';
    capabilities.lacking.push({ entity, column });
  }
}

function errorOf(outcome: unknown): string | undefined {
  const results = isObject(outcome) ? outcome['results'] : undefined;
  const first: unknown = Array.isArray(results) ? results[0] : undefined;
  return isObject(first) && typeof first['error'] === 'string' ? first['error'] : undefined;
}

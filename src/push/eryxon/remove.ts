import type { Clock } from '../../core/clock.ts';
import { asError, TransientError, WaitError } from '../../core/errors.ts';
import type { HttpRequest } from '../../core/http.ts';
import type { Entity, Finding, MesRecord } from '../../core/types.ts';
import type { Caller } from '../day-plan.ts';
import type { Removal, Remover, Restored } from '../remover.ts';
import type { CountedTransport } from '../transport.ts';
import { type Answer, readAnswer } from './answers.ts';
import { tables } from './bodies.ts';
import { nobody } from './capabilities.ts';
import { waitFinding } from './findings.ts';
import { isWithoutFunction, jsonHeaders } from './request.ts';

export interface EryxonRemover extends Remover {
  /** Whether this MES lets a deleted record come back, for each of these entities; writes nothing. */
  check(entities: readonly Entity[], signal: AbortSignal): Promise<Finding[]>;
}

interface RemoverOptions {
  clock: Pick<Clock, 'monotonicMs'>;
  /** What was created is not there any more. */
  forget?(record: MesRecord): Promise<void>;
}

/** An answer that lets nothing be deleted counts for so long: a function that does not start may be mended. */
const obstacleMs = 3_600_000;

/**
 * Deletes records so that they can come back. On most installations a deleted row only hides, cannot be restored, and keeps its
 * keys: nothing of the same external id, job number, part number or resource name can be created ever again. So a row gives up its
 * keys first (`PATCH`), is deleted then (`DELETE`), and is proven to be gone by what the next request to it answers. Cells, and
 * everything on installations that answer lists as plain arrays, are deleted for good and leave no keys behind.
 */
export function createEryxonRemover(
  url: string,
  openTransport: (signal: AbortSignal, caller: Caller) => CountedTransport,
  { clock, forget = async () => undefined }: RemoverOptions,
): EryxonRemover {
  const base = new URL(url).pathname.replace(/\/$/, '');
  const pathOf = (entity: Entity, id: string) => `${base}/api-${tables[entity]}?id=${encodeURIComponent(id)}`;
  let hides: Promise<boolean> | undefined;
  const probe = createProbes(clock);

  /** Asked once a process; a failure is forgotten. */
  function hidesRows(transport: CountedTransport): Promise<boolean> {
    hides ??= readHiding(base, transport);
    hides.catch(() => {
      hides = undefined;
    });
    return hides;
  }

  /** Why nothing of an entity can be deleted so that it may come back; undefined when it can. */
  async function obstacleTo(entity: Entity, transport: CountedTransport): Promise<string | undefined> {
    if (!(await hidesRows(transport))) return undefined;
    const path = pathOf(entity, nobody);
    const status = await probe(entity, () => patch(path, keysGivenUp(nobodys(entity)), transport));
    return status === 404 ? undefined : `PATCH ${path} answers HTTP ${status}.`;
  }

  async function removeBy(transport: CountedTransport, removal: Removal): Promise<Removed> {
    const path = pathOf(removal.entity, removal.mesId);
    const obstacle = await obstacleTo(removal.entity, transport);
    if (obstacle !== undefined) return { kind: 'kept', reason: obstacle };
    const hiding = await hidesRows(transport);
    await removal.begins?.();
    const result = await (hiding ? removeHiding(path, removal, transport) : removeForGood(path, transport));
    if (result.kind === 'removed') await forget(removal.record);
    return result;
  }

  return {
    async remove(removal, signal, caller = 'scheduled') {
      const transport = openTransport(signal, caller);
      const result = await removeBy(transport, removal);
      return { ...result, requests: transport.requests() };
    },
    async restore(removal, signal, caller = 'scheduled') {
      const transport = openTransport(signal, caller);
      const path = pathOf(removal.entity, removal.mesId);
      const result = await ((await hidesRows(transport)) ? giveBack(path, removal, transport) : find(path, transport));
      if (result.kind === 'gone') await forget(removal.record);
      return { ...result, requests: transport.requests() };
    },
    async check(entities, signal) {
      const transport = openTransport(signal, 'operator');
      const findings: Finding[] = [];
      for (const entity of entities) {
        const found = await obstacleTo(entity, transport).catch(asError);
        if (found instanceof WaitError) return [...findings, waitFinding(found)];
        if (found instanceof Error) return [...findings, unknownFinding(entity, found)];
        findings.push(describe(entity, found));
      }
      return findings;
    },
  };
}

/**
 * What the MES answers to giving up the keys of a row that nobody has, by entity: a 404 (it works) is kept for the life of the process, any other
 * answer for an hour, an error not at all.
 */
function createProbes(clock: Pick<Clock, 'monotonicMs'>) {
  const answers = new Map<Entity, { status: number; untilMs: number }>();
  return async (entity: Entity, ask: () => Promise<number>): Promise<number> => {
    const last = answers.get(entity);
    if (last !== undefined && clock.monotonicMs() < last.untilMs) return last.status;
    const status = await ask();
    answers.set(entity, { status, untilMs: status === 404 ? Infinity : clock.monotonicMs() + obstacleMs });
    return status;
  };
}

/** True where deleted rows only hide: told by the form of a list, which came with it. */
async function readHiding(base: string, transport: CountedTransport): Promise<boolean> {
  const path = `${base}/api-jobs?limit=1`;
  const { data } = readAnswer(await transport.request({ method: 'GET', path }), `GET ${path}`);
  if (data === undefined) throw new TransientError(`The MES does not list its jobs, so how it deletes cannot be told.`);
  return !Array.isArray(data);
}

function nobodys(entity: Entity): Removal {
  const record: MesRecord = { entity, source: '', externalId: 'none', parents: {}, fields: {}, lifecycle: 'active' };
  return { entity, mesId: nobody, record };
}

type Removed = { kind: 'removed' } | { kind: 'kept'; reason: string };

async function removeHiding(path: string, removal: Removal, transport: CountedTransport): Promise<Removed> {
  const given = await patch(path, keysGivenUp(removal), transport);
  if (given === 404) return { kind: 'removed' };
  if (given !== 200) return { kind: 'kept', reason: `The MES does not let it give up its keys: HTTP ${given}.` };
  // Whatever it says, the next request tells: a 404 may be that of a gateway.
  const answer = readAnswer(await transport.request({ method: 'DELETE', path }), `DELETE ${path}`);
  const proof = await patch(path, keysGivenUp(removal), transport);
  if (proof === 404) return { kind: 'removed' };
  const back = await patch(path, keysBack(removal), transport);
  if (back === 404) return { kind: 'removed' };
  if (back !== 200) throw new TransientError(`PATCH ${path} does not give it its keys back: HTTP ${back}.`);
  if (answer.status >= 400) return { kind: 'kept', reason: `HTTP ${answer.status} ${answer.message}` };
  throw new TransientError(`The MES answered that it deleted ${path}, but still holds it.`);
}

/** Gives a row its keys back. Where another has them by now, it goes for good. */
async function giveBack(path: string, removal: Removal, transport: CountedTransport): Promise<Restored> {
  const answer = await patchFor(path, keysBack(removal), transport);
  if (answer.status === 200) return { kind: 'there' };
  if (answer.status === 404) return { kind: 'gone' };
  if (!/duplicate key/.test(answer.message)) return refusal(`PATCH ${path}`, answer);
  const removed = await removeHiding(path, removal, transport);
  return removed.kind === 'removed' ? { kind: 'gone' } : refusal(`PATCH ${path}`, answer);
}

/** A row that is deleted for good has its keys until then. */
async function find(path: string, transport: CountedTransport): Promise<Restored> {
  const answer = await look(path, transport);
  if (answer.status === 200) return { kind: 'there' };
  return answer.status === 404 ? { kind: 'gone' } : refusal(`GET ${path}`, answer);
}

function refusal(what: string, { status, message }: Answer): Restored {
  return {
    kind: 'refused',
    reason: `Its deletion was cut off, and cannot be taken back: ${what} answers HTTP ${status} ${message}`.trim(),
  };
}

/** It must not be found afterwards; where it cannot be looked for, there must be nothing left to delete the second time. */
async function removeForGood(path: string, transport: CountedTransport): Promise<Removed> {
  const remove = () => askAboutRow({ method: 'DELETE', path }, transport);
  const first = await remove();
  if (first.status === 404) return { kind: 'removed' };
  if (first.status >= 400 && first.status !== 409) {
    return { kind: 'kept', reason: `HTTP ${first.status} ${first.message}` };
  }
  const found = (await look(path, transport)).status;
  if (found === 404 || (found >= 400 && (await remove()).status === 404)) return { kind: 'removed' };
  if (first.status === 409) return { kind: 'kept', reason: `HTTP 409 ${first.message}` };
  throw new TransientError(`The MES answered that it deleted ${path}, but still holds it.`);
}

async function look(path: string, transport: CountedTransport): Promise<Answer> {
  return askAboutRow({ method: 'GET', path }, transport);
}

/** Throws TransientError for a 404 of the host or of what stands before it, which says nothing of the row: only the function's own does. */
async function askAboutRow(request: HttpRequest, transport: CountedTransport): Promise<Answer> {
  const what = `${request.method} ${request.path}`;
  const answer = readAnswer(await transport.request(request), what);
  if (answer.status !== 404 || (answer.code === 'NOT_FOUND' && !isWithoutFunction(answer))) return answer;
  throw new TransientError(`${what} answers HTTP 404 without a word of the record: ${answer.message}`, { status: 404 });
}

async function patch(
  path: string,
  body: Readonly<Record<string, unknown>>,
  transport: CountedTransport,
): Promise<number> {
  return (await patchFor(path, body, transport)).status;
}

async function patchFor(
  path: string,
  body: Readonly<Record<string, unknown>>,
  transport: CountedTransport,
): Promise<Answer> {
  return askAboutRow({ method: 'PATCH', path, headers: jsonHeaders, body: JSON.stringify(body) }, transport);
}

/** Columns of which no two rows may have the same value, dead ones included. */
const uniqueColumn: Readonly<Record<Entity, string | null>> = {
  cell: null,
  resource: 'name',
  job: 'job_number',
  part: 'part_number',
  operation: null,
};

function keysGivenUp({ entity, mesId, record }: Removal): Record<string, unknown> {
  // A cell leaves nothing behind; if it may not go, it is at least out of use.
  if (entity === 'cell') return { active: false };
  const name = uniqueColumn[entity];
  const value = name === null ? undefined : record.fields[name];
  const renamed =
    name === null ? {} : { [name]: `${String(value ?? record.externalId).slice(0, 200)} (deleted ${mesId})` };
  return { external_id: `${record.externalId.slice(0, 200)} (deleted ${mesId})`, ...renamed };
}

function keysBack({ entity, record }: Removal): Record<string, unknown> {
  if (entity === 'cell') return { active: false };
  const name = uniqueColumn[entity];
  const value = name === null ? undefined : record.fields[name];
  return { external_id: record.externalId, ...(name === null || value === undefined ? {} : { [name]: value }) };
}

/** What keeps this from being found out keeps the rest as well. */
function unknownFinding(entity: Entity, error: Error): Finding {
  return {
    code: 'delete-unknown',
    level: 'error',
    where: `mes api-${tables[entity]}`,
    text: `Whether what is deleted in this MES can come back was not found out: ${error.message}`,
    todo: 'Mend that, and run check again.',
  };
}

function describe(entity: Entity, obstacle: string | undefined): Finding {
  const where = `mes api-${tables[entity]}`;
  if (obstacle === undefined) {
    const text = `What is deleted of ${tables[entity]} can come back later, as a new record.`;
    return { code: 'delete-possible', level: 'ok', where, text, todo: '' };
  }
  return {
    code: 'delete-unavailable',
    level: 'error',
    where,
    text: `What is deleted of ${tables[entity]} could never come back: ${obstacle}`,
    todo: `Set deletes.${entity} to mark.`,
  };
}

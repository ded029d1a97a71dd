import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import { isObject } from '../../core/objects.ts';
import type { Created, Nesting, ReadyChange, Transport, Tree } from '../sink.ts';
import type { Capabilities } from './ability.ts';
import { type Answer, planUsedUp } from './answers.ts';
import { learn } from './deliver.ts';
import type { Discovery } from './discovery.ts';
import { nestedBody, nestedColumns, selectTree } from './nested-tree.ts';
import { refusalText } from './refusal.ts';
import { ask } from './request.ts';
import type { Session } from './session.ts';
import { readVerdict, SchemaError } from './verdict.ts';
import { chooseWay } from './ways.ts';

export interface NestingOptions {
  base: string;
  discovery: Discovery;
  session: Session;
  clock: Clock;
  estimate(): Promise<number>;
}

/** After so many failures in a row each record goes by itself for a while. */
const mostFailures = 3;
const restMs = 3_600_000;
const dayMs = 86_400_000;

/**
 * `POST /api-jobs` with parts and operations nested in it: one request where the operations would take one each. It creates only, has
 * no transaction, and tells of children that failed in an answer that is a success; what is not proved by it goes the usual way,
 * which repeats nothing. Operations are noted before and after it, as in `post-patch`; an order of which one has a note goes record by record.
 */
export function createNesting(options: NestingOptions): Nesting {
  const { discovery, session, clock } = options;
  let failures = 0;
  const rest = (ms: number, reason: string) => session.nestingRest.until(clock.now().getTime() + ms, reason);
  const usable = async (known: Capabilities | undefined) =>
    known !== undefined && saves(known) && (await session.nestingRest.get()) <= clock.now().getTime();

  async function failed(reason: string): Promise<void> {
    failures += 1;
    if (failures < mostFailures) return;
    failures = 0;
    await rest(restMs, `${mostFailures} whole orders in a row failed, the last one so: ${reason}`);
  }

  return {
    wanted: async () => usable(await discovery.known()),
    estimate: options.estimate,
    async select(tree) {
      const known = await discovery.known();
      if (known === undefined || !(await usable(known))) return undefined;
      learn(session, known);
      return selectTree(tree, session, known);
    },
    async create(tree, transport) {
      const capabilities = await discovery.current(transport);
      if (!(await usable(capabilities))) return [];
      learn(session, capabilities);
      const posted = await post(options, { tree, capabilities, transport }).catch(async (error: unknown) => {
        if (!(error instanceof LostError)) throw error;
        await failed(error.message);
        throw error.cause;
      });
      if ('full' in posted) await rest(dayMs, posted.full);
      if ('refused' in posted) await failed(posted.refused);
      if (!('created' in posted)) return [];
      failures = 0;
      return posted.created;
    },
  };
}

/** Only where operations are created one request each, and jobs by POST. */
function saves({ generation, entities: { job, operation } }: Capabilities): boolean {
  if (generation === 'classic' || !job.post) return false;
  const proof = { distrusted: false, listPages: 1 };
  return chooseWay({ entity: 'operation', ability: operation, task: 'create', count: 100, proof }) === 'post-patch';
}

/** Nobody knows whether the request has taken effect. */
class LostError extends Error {
  override name = 'LostError';
}

interface Posting {
  tree: Tree;
  capabilities: Capabilities;
  transport: Transport;
}

/**
 * What was created; or why the job was not, or nobody can tell. `full`: the plan of the MES has no room for new jobs by POST, though
 * the sync functions do not ask for that.
 */
type Posted = { created: Created[] } | { refused: string } | { full: string };

async function post({ base, session }: NestingOptions, posting: Posting): Promise<Posted> {
  const { tree, transport } = posting;
  const operations = operationsOf(tree);
  const forget = () => session.posted.forget(...operations.map(({ record }) => record));
  await session.posted.noteAll(operations.map((change) => ({ change, mesId: null })));
  let lost = false;
  const onUnknownOutcome = () => {
    lost = true;
  };
  const watched: Transport = {
    async request(request) {
      const answer = await transport.request(request);
      answered = true;
      return answer;
    },
  };
  let answered = false;
  const body = nestedBody(tree, session, posting.capabilities);
  const carries = [tree.job, ...tree.children];
  try {
    const answer = await ask(
      { base, entity: 'job', transport: watched },
      { method: 'POST', body, carries, onUnknownOutcome },
    );
    if (answer.data !== undefined) return await readCreated(tree, answer.data, session);
    learnFrom(session, tree, answer);
    // Refused because an earlier try has created it: what of its children is there, their own requests find out.
    if (!lost) await forget();
    const refused = refusalText(answer);
    if (answer.code === planUsedUp) return { full: refused };
    // Its own fault, and none of the way's: its own request finds out.
    return readVerdict(refused).kind === 'duplicate' ? { created: [] } : { refused };
  } catch (error) {
    if (error instanceof SchemaError) {
      await forget();
      return { refused: error.message };
    }
    if (!(error instanceof TransientError || error instanceof PermanentError)) throw error;
    // An answer that proves nothing may be one to a job that is there.
    if (lost || answered) throw new LostError(error.message, { cause: error });
    await forget();
    throw error;
  }
}

function operationsOf({ children }: Tree): ReadyChange[] {
  return children.filter(({ record }) => record.entity === 'operation');
}

/** A column of the job that this MES lacks is left out from now on. */
function learnFrom(session: Session, { job }: Tree, answer: Answer): void {
  const verdict = readVerdict(refusalText(answer));
  if (verdict.kind !== 'unknown-column') return;
  const columns = nestedColumns(job, session);
  if (columns[verdict.column] !== undefined) session.learnLacking('job', verdict.column);
}

/** The rows that the answer shows are the proof, each with its id. */
async function readCreated(tree: Tree, data: unknown, session: Session): Promise<Posted> {
  const job = isObject(data) ? data['job'] : undefined;
  if (!isObject(job) || idOf(job, tree.job) === undefined) return { refused: 'its answer does not show the job' };
  const parts = listOf(job['parts']);
  const rows = {
    part: byExternalId(parts),
    operation: byExternalId(parts.flatMap((part) => listOf(part['operations']))),
  };
  const created = [tree.job, ...tree.children].flatMap((change): Created[] => {
    const { entity, externalId } = change.record;
    const row = entity === 'part' || entity === 'operation' ? rows[entity].get(externalId) : job;
    const mesId = idOf(row, change);
    return mesId === undefined ? [] : [{ change, mesId }];
  });
  await session.posted.noteAll(created.filter(({ change }) => change.record.entity === 'operation'));
  await dropFailed(tree, job['warnings'], session);
  return { created };
}

type Row = Record<string, unknown>;

function listOf(value: unknown): Row[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function byExternalId(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [String(row['external_id']), row]));
}

function idOf(row: Row | undefined, { record }: ReadyChange): string | undefined {
  const same = row?.['external_id'] === record.externalId && row['external_source'] === record.source;
  return same && typeof row['id'] === 'string' ? row['id'] : undefined;
}

/** Children that the MES names as failed are not there: they go by themselves, and their errors say why. */
async function dropFailed(tree: Tree, warnings: unknown, session: Session): Promise<void> {
  const details = isObject(warnings) && isObject(warnings['details']) ? warnings['details'] : {};
  const failed = { part: new Set<unknown>(), operation: new Set<unknown>() };
  for (const [entity, list] of [
    ['part', details['parts']],
    ['operation', details['operations']],
  ] as const) {
    for (const { [entity]: sent, error } of listOf(list)) {
      if (!isObject(sent)) continue;
      failed[entity].add(sent['external_id']);
      const verdict = readVerdict(String(error ?? ''));
      if (verdict.kind === 'unknown-column' && verdict.column in sent) session.learnLacking(entity, verdict.column);
    }
  }
  const absent = operationsOf(tree).filter(
    ({ record }) => failed.operation.has(record.externalId) || failed.part.has(record.parents.part),
  );
  await session.posted.forget(...absent.map(({ record }) => record));
}

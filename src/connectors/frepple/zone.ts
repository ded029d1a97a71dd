import type { Clock } from '../../core/clock.ts';
import { ConfigError, PermanentError, TransientError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { zoneOffsetMs } from '../../core/stamp.ts';
import type { DrfClient, DrfFilter, DrfQuery } from '../protocols/drf/client.ts';
import { listPath } from './lists.ts';
import type { ServerTimes } from './times.ts';

export interface ZoneProof {
  /** The connector's name. */
  name: string;
  client: DrfClient;
  times: ServerTimes;
  timeZone: string;
}

/** A row that carries a change stamp. */
interface Stamped {
  path: string;
  key: string;
  local: string;
  instant: Date;
}

export type Verdict =
  | { zone: 'proven' }
  | { zone: 'unproven'; text: string }
  /** `text` names the row that tells. */
  | { zone: 'wrong'; text: string };

export const zoneTodo =
  "Set timeZone to the server's zone: FREPPLE_TIME_ZONE in its djangosettings.py, else the zone of its system.";

/** How long it is good that the zone cannot be proven: as long as the streams of a pass begin in a row. */
const unprovenMs = 60_000;

export interface ZoneGuard {
  /**
   * Throws ConfigError when the server counts its time in another zone than is configured: every date would be wrong. What is
   * proven once is not asked again; where nothing can prove it, that is said once and the streams go on.
   */
  require(signal: AbortSignal): Promise<void>;
}

export function createZoneGuard(proof: ZoneProof, { events, clock }: { events: EventBus; clock: Clock }): ZoneGuard {
  /** Until when nothing is asked again, on the monotonic clock. */
  let goodUntilMs = Number.NEGATIVE_INFINITY;
  let isTold = false;
  return {
    async require(signal) {
      if (clock.monotonicMs() < goodUntilMs) return;
      const verdict = await proveZone(proof, signal);
      if (verdict.zone === 'wrong') throw new ConfigError(`connectors.${proof.name}: ${verdict.text} ${zoneTodo}`);
      goodUntilMs = verdict.zone === 'proven' ? Number.POSITIVE_INFINITY : clock.monotonicMs() + unprovenMs;
      if (verdict.zone === 'proven' || isTold) return;
      isTold = true;
      events.emit('stream:degraded', { stream: proof.name, reason: `${verdict.text} ${zoneTodo}` });
    },
  };
}

/**
 * The zone stands in no answer, but filters compare a value with an offset in it: a row asked for by its own stamp, turned into UTC,
 * comes back only if the zone is right at that time of the year. The newest row of each month, where there are some; of
 * operations, where resources prove nothing.
 */
export async function proveZone(proof: ZoneProof, signal: AbortSignal): Promise<Verdict> {
  const refusals: string[] = [];
  for (const model of ['resource', 'operation']) {
    try {
      const verdict = await proveBy(proof, listPath(model), signal);
      if (verdict !== undefined) return verdict;
    } catch (error) {
      if (!isForbidden(error)) throw error;
      refusals.push(error.message);
    }
  }
  const why = refusals.length > 0 ? refusals.join(' ') : 'it shows no row that carries a change stamp.';
  return { zone: 'unproven', text: `It cannot be told whether FrePPLe's times are those of ${proof.timeZone}: ${why}` };
}

/** For good, by a right that is missing. Any other refusal may be that of a proxy while the server starts. */
function isForbidden(error: unknown): error is PermanentError {
  return error instanceof PermanentError && error.status === 403 && !error.credentials;
}

/** undefined where no row is stamped. */
async function proveBy(proof: ZoneProof, path: string, signal: AbortSignal): Promise<Verdict | undefined> {
  const stamped = await stampedRows(proof, path, signal);
  for (const row of stamped) {
    if (await isStampedThen(proof, row, signal)) continue;
    const itself: DrfFilter = { name: 'name', value: row.key, fits: ({ name }) => name === row.key };
    const still = await find(proof, { path, filters: [itself], key: row.key }, signal);
    if (still?.['lastmodified'] === row.local) return { zone: 'wrong', text: wrongText(proof, row) };
    const what = `${path} ${JSON.stringify(row.key)}`;
    throw new TransientError(`${proof.name}: ${what} was changed while the server's zone was proved by it. Try again.`);
  }
  return stamped.length > 0 ? { zone: 'proven' } : undefined;
}

function wrongText({ timeZone }: ZoneProof, { local, instant }: Stamped): string {
  return `FrePPLe's times are not those of ${timeZone}: what it stamped ${local} was not stamped at ${instant.toISOString()}.`;
}

async function isStampedThen(
  proof: ZoneProof,
  { path, key, local, instant }: Stamped,
  signal: AbortSignal,
): Promise<boolean> {
  const fraction = (local.split('.')[1] ?? '').padEnd(6, '0');
  const value = `${instant.toISOString().slice(0, 19)}.${fraction}Z`;
  // Whatever comes back has the stamp of the row: else the server does not know the filter, and nothing is proven.
  const fits: DrfFilter['fits'] = ({ lastmodified }) => lastmodified === local;
  const filters = ['lastmodified__gte', 'lastmodified__lte'].map((name) => ({ name, value, fits }));
  return (await find(proof, { path, filters, key }, signal)) !== undefined;
}

const rowsAtOnce = 1000;

/** The newest row of each month: a zone may be right in one half of the year and wrong in the other. */
async function stampedRows(proof: ZoneProof, path: string, signal: AbortSignal): Promise<Stamped[]> {
  const newest = new Map<string, Stamped>();
  for await (const row of read(proof, { path }, signal)) {
    const stamped = stampedOf(proof, path, row);
    if (stamped === undefined) continue;
    const month = stamped.local.slice(5, 7);
    if ((newest.get(month)?.local ?? '') < stamped.local) newest.set(month, stamped);
  }
  return [...newest.values()];
}

/** undefined for a row that was stamped around a change of the clock: its time may have been twice. */
function stampedOf({ timeZone, times }: ZoneProof, path: string, row: Record<string, unknown>): Stamped | undefined {
  const { name, lastmodified } = row;
  const stamp = times.stampOf(lastmodified);
  if (typeof name !== 'string' || stamp === null) return undefined;
  const instant = new Date(stamp);
  return isSteady(instant, timeZone) ? { path, key: name, local: String(lastmodified), instant } : undefined;
}

/** Not within a day of a change of the zone's clock. */
function isSteady(instant: Date, timeZone: string): boolean {
  const at = (days: number) => zoneOffsetMs(new Date(instant.getTime() + days * 86_400_000), timeZone);
  return at(-1) === at(1);
}

type Row = Record<string, unknown>;

async function find(
  proof: ZoneProof,
  { key, ...query }: DrfQuery & Pick<Stamped, 'key'>,
  signal: AbortSignal,
): Promise<Row | undefined> {
  for await (const row of read(proof, query, signal)) if (row['name'] === key) return row;
  return undefined;
}

/** Some rows at a time: the list of operations may be long. */
async function* read({ client }: ZoneProof, query: DrfQuery, signal: AbortSignal): AsyncGenerator<Row> {
  const list = await client.list(query, signal);
  for (const page of list.pages(rowsAtOnce)) yield* page;
}

import { ConfigError } from '../../core/errors.ts';
import { zoneOffsetMs } from '../../core/stamp.ts';
import type { Finding } from '../../core/types.ts';
import type { DrfClient, DrfFilter, DrfQuery } from '../protocols/drf/client.ts';
import { listPath } from './lists.ts';
import { isHidden } from './plan-runs.ts';
import type { TaskList } from './tasks.ts';
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
  /** The zone's offset then, milliseconds. */
  offsetMs: number;
}

type Verdict = { zone: 'proven' | 'unproven' } | { zone: 'wrong'; row: Stamped };

const todo =
  "Set timeZone to the server's zone: FREPPLE_TIME_ZONE in its djangosettings.py, else the zone of its system.";

/** Throws ConfigError when the server counts its time in another zone than is configured: every date would be wrong. */
export async function requireZone(proof: ZoneProof, signal: AbortSignal): Promise<void> {
  const verdict = await proveZone(proof, signal);
  if (verdict.zone === 'wrong')
    throw new ConfigError(`connectors.${proof.name}: ${wrongText(proof, verdict.row)} ${todo}`);
}

/** What `check` tells of the server as a whole. */
export async function checkServer(proof: ZoneProof, tasks: TaskList, signal: AbortSignal): Promise<Finding[]> {
  return [await checkZone(proof, signal), await checkTasks(proof, tasks, signal)];
}

async function checkZone(proof: ZoneProof, signal: AbortSignal): Promise<Finding> {
  const where = proof.name;
  const verdict = await proveZone(proof, signal);
  if (verdict.zone === 'wrong') {
    return { code: 'zone-wrong', level: 'error', where, text: wrongText(proof, verdict.row), todo };
  }
  if (verdict.zone === 'proven') {
    return {
      code: 'zone-proven',
      level: 'ok',
      where,
      text: `FrePPLe's times are those of ${proof.timeZone}.`,
      todo: '',
    };
  }
  const text = `It cannot be told whether FrePPLe's times are those of ${proof.timeZone}: it shows no row that carries a change stamp.`;
  return { code: 'zone-unproven', level: 'warning', where, text, todo };
}

async function checkTasks({ name: where }: ZoneProof, tasks: TaskList, signal: AbortSignal): Promise<Finding> {
  try {
    await tasks.underWay(signal);
    return { code: 'plan-runs-visible', level: 'ok', where, text: 'Plan runs can be seen while they last.', todo: '' };
  } catch (error) {
    if (!isHidden(error)) throw error;
    return {
      code: 'plan-runs-hidden',
      level: 'warning',
      where,
      text: 'The list of running tasks cannot be read: orders may be read in the middle of a plan run.',
      todo: 'Let the user see /execute/api/status/, or plan outside the times of the schedule.',
    };
  }
}

function wrongText({ timeZone }: ZoneProof, { local, instant }: Stamped): string {
  return `FrePPLe's times are not those of ${timeZone}: what it stamped ${local} was not stamped at ${instant.toISOString()}.`;
}

/**
 * The zone stands in no answer, but filters compare a value with an offset in it: a row asked for by its own stamp, turned into UTC,
 * comes back only if the zone is right at that time of the year. One row of summer and one of winter, where there are both.
 */
async function proveZone(proof: ZoneProof, signal: AbortSignal): Promise<Verdict> {
  const rows = await stampedRows(proof, signal);
  for (const row of rows) {
    if (await isStampedThen(proof, row, signal)) continue;
    const itself: DrfFilter = { name: 'name', value: row.key, fits: ({ name }) => name === row.key };
    const [still] = await read(proof, { path: row.path, filters: [itself] }, signal);
    if (still?.['lastmodified'] === row.local) return { zone: 'wrong', row };
  }
  return { zone: rows.length > 0 ? 'proven' : 'unproven' };
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
  return (await read(proof, { path, filters }, signal)).some(({ name }) => name === key);
}

const rowsAtOnce = 1000;

/** The newest row, and the newest one of another time of the year. */
async function stampedRows(proof: ZoneProof, signal: AbortSignal): Promise<Stamped[]> {
  for (const path of [listPath('resource'), listPath('operation')]) {
    const newest = new Map<number, Stamped>();
    for (const row of await read(proof, { path }, signal)) {
      const stamped = stampedOf(proof, path, row);
      if (stamped !== undefined && (newest.get(stamped.offsetMs)?.local ?? '') < stamped.local) {
        newest.set(stamped.offsetMs, stamped);
      }
    }
    if (newest.size > 0) return [...newest.values()];
  }
  return [];
}

/** undefined for a row that was stamped around a change of the clock: its time may have been twice. */
function stampedOf({ timeZone, times }: ZoneProof, path: string, row: Record<string, unknown>): Stamped | undefined {
  const { name, lastmodified } = row;
  const stamp = times.stampOf(lastmodified);
  if (typeof name !== 'string' || stamp === null) return undefined;
  const instant = new Date(stamp);
  const offsetMs = steadyOffset(instant, timeZone);
  return offsetMs === undefined ? undefined : { path, key: name, local: String(lastmodified), instant, offsetMs };
}

/** The zone's offset at that time; undefined within a day of a change. */
function steadyOffset(instant: Date, timeZone: string): number | undefined {
  const at = (days: number) => zoneOffsetMs(new Date(instant.getTime() + days * 86_400_000), timeZone);
  return at(-1) === at(1) ? at(0) : undefined;
}

async function read({ client }: ZoneProof, query: DrfQuery, signal: AbortSignal): Promise<Record<string, unknown>[]> {
  const list = await client.list(query, signal);
  return [...list.pages(rowsAtOnce)].flat();
}

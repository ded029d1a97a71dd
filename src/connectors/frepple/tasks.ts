import { z } from 'zod';
import { TransientError } from '../../core/errors.ts';
import type { DrfClient } from '../protocols/drf/client.ts';

const taskSchema = z.object({
  name: z.string(),
  started: z.string(),
  finished: z.string(),
  status: z.string().nullish(),
});

/** A task of FrePPLe; its times are of the server's wall clock, `None` for what has not been. */
export type Task = z.output<typeof taskSchema>;

/** The tasks of a FrePPLe by their ids, which count up. */
export interface TaskList {
  /** Those that are not finished. */
  underWay(signal: AbortSignal): Promise<Map<number, Task>>;
  /** Any of those ids, finished or not, behind the highest that is known. */
  behind(newest: number, signal: AbortSignal): Promise<Map<number, Task>>;
  /** The last hundred up to this one. */
  lastBefore(newest: number, signal: AbortSignal): Promise<Map<number, Task>>;
  /** The highest id there is; 0 when there is none. */
  newest(signal: AbortSignal): Promise<number>;
}

const path = '/execute/api/status/';
/** Ids asked for behind the last known one: there may be gaps. */
const ahead = 20;
const lastOnes = 100;

export function createTaskList(client: DrfClient, name: string): TaskList {
  async function ask(ids: readonly number[], signal: AbortSignal): Promise<Map<number, Task>> {
    const query = ids.length === 0 ? '' : `?${ids.map((id) => `id=${id}`).join('&')}`;
    return readTasks(await client.document(path + query, signal), name);
  }
  return {
    underWay: (signal) => ask([], signal),
    behind: (newest, signal) => ask(range(newest + 1, newest + ahead), signal),
    lastBefore: (newest, signal) => ask(range(Math.max(1, newest - lastOnes + 1), Math.max(1, newest)), signal),
    async newest(signal) {
      for (let newest = 0; ; ) {
        const found = Math.max(newest, ...(await ask(candidates(newest), signal)).keys());
        if (found === newest) return newest;
        newest = found;
      }
    },
  };
}

/** The list tells only what is under way, but of any id whether it is there: the next ids one by one, and ever fewer far ahead. */
function candidates(newest: number): number[] {
  const far: number[] = [];
  for (let step = ahead + 1; step < 10_000_000; step = Math.ceil(step * 1.1)) far.push(newest + step);
  return [...range(newest + 1, newest + ahead), ...far];
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

function readTasks(document: unknown, name: string): Map<number, Task> {
  const tasks = z.record(z.string().regex(/^\d+$/), taskSchema).safeParse(document);
  if (tasks.success) return new Map(Object.entries(tasks.data).map(([id, task]) => [Number(id), task]));
  throw new TransientError(`${name}: GET ${path} answered with something else than tasks.`, { malformed: true });
}

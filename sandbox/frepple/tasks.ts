/** One entry of FrePPLe's task list; times are naive local time with a blank, as Python's `str` writes them. */
export interface Task {
  id: number;
  name: string;
  submitted: string;
  started: string | null;
  finished: string | null;
  arguments: string;
  /** `Waiting`, a percentage, `Done` or `Failed`. */
  status: string;
  message: string | null;
  user: string | null;
  logfile: string | null;
}

export type Tasks = Map<number, Task>;

/** The tasks with those ids, or without any all that are not finished; in the text that Python's `json.dumps` makes. */
export function taskStatus(tasks: Tasks, ids: readonly string[]): string {
  const wanted = ids.length > 0 ? ids.flatMap((id) => tasks.get(Number(id)) ?? []) : running(tasks);
  const entries = wanted.map(({ id, ...task }) => {
    const { name, submitted, started, finished, arguments: given, status, message, user, logfile } = task;
    const shown = {
      name,
      submitted,
      started: started ?? 'None',
      finished: finished ?? 'None',
      arguments: given,
      status,
    };
    return `"${id}": ${dumps({ ...shown, message, user, logfile })}`;
  });
  return `{${entries.join(', ')}}`;
}

/** The tasks that are not finished. */
export function running(tasks: Tasks): Task[] {
  return [...tasks.values()].filter(({ finished }) => finished === null);
}

function dumps(values: Record<string, string | null>): string {
  const pairs = Object.entries(values).map(([name, value]) => `"${name}": ${JSON.stringify(value)}`);
  return `{${pairs.join(', ')}}`;
}

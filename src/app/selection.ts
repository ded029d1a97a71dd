import type { ConnectorSession } from '../connectors/connector.ts';
import { UsageError } from '../core/errors.ts';

/** Streams to run by connector; undefined stands for all of them. */
export function select(
  runs: ReadonlyMap<string, { session: ConnectorSession }>,
  selection: readonly string[],
): Map<string, Set<string> | undefined> {
  const selected = new Map<string, Set<string> | undefined>();
  if (selection.length === 0) return new Map([...runs.keys()].map((name) => [name, undefined]));
  for (const wanted of selection) {
    const [name = '', stream] = wanted.split('/', 2);
    const known = runs.get(name)?.session.streams.map((each) => each.name);
    if (known === undefined)
      throw new UsageError(`${noConnector(wanted, name)} there is ${[...runs.keys()].join(', ')}.`);
    if (stream === '')
      throw new UsageError(
        `${wanted} names no stream; write ${name} for all, or one of ${known.join(', ')} behind the slash.`,
      );
    if (stream !== undefined && !known.includes(stream)) {
      throw new UsageError(`Connector ${name} has no stream ${stream}; it has ${known.join(', ')}.`);
    }
    const before = selected.get(name);
    const whole = stream === undefined || (selected.has(name) && before === undefined);
    selected.set(name, whole ? undefined : new Set([...(before ?? []), stream]));
  }
  return selected;
}

function noConnector(wanted: string, name: string): string {
  return name === '' ? `${wanted} names no connector;` : `There is no connector ${name};`;
}

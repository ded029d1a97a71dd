import { PermanentError } from '../core/errors.ts';
import type { Entity } from '../core/types.ts';
import { mesFields } from './fields.ts';

/** What every protocol's definition of a stream says, whatever else it needs. */
interface Definition {
  name: string;
  entity: Entity;
}

/** MES fields that an operator's own mapping of one of these streams may set: `Connector.fieldsOf`. */
export function fieldsOf(definitions: readonly Definition[]): (stream: string) => readonly string[] | undefined {
  const entities = new Map(definitions.map(({ name, entity }) => [name, entity]));
  return (stream) => {
    const entity = entities.get(stream);
    return entity === undefined ? undefined : Object.keys(mesFields[entity]);
  };
}

/** The streams that run, each with its settings; `unchanged` are those of a stream that the config file does not mention. */
export function enabledOf<Known extends Definition, Own extends { enabled: boolean }>(
  definitions: readonly Known[],
  streams: Readonly<Record<string, Own | undefined>>,
  unchanged: Own,
): { definition: Known; own: Own }[] {
  return definitions
    .map((definition) => ({ definition, own: streams[definition.name] ?? unchanged }))
    .filter(({ own }) => own.enabled);
}

/** The ERP's clock as its answers showed it. Throws PermanentError where they never did. */
export function requireClock(now: Date | undefined, { name, url }: { name: string; url: string }): Date {
  if (now !== undefined) return now;
  throw new PermanentError(`${name}: ${url} sends no Date header, so windows cannot be cut by its clock.`);
}

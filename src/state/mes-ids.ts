import type { Entity } from '../core/types.ts';
import { type Database, prepare } from './database.ts';
import { isThere } from './records.ts';
import type { ListedId } from './store.ts';

/** The MES's own ids of records, taken from its lists. Methods that write belong into a transaction. */
export interface MesIds {
  /** Takes over the ids of the records that are listed; returns how many of ours were found. */
  adopt(source: string, entity: Entity, listed: readonly ListedId[]): number;
  /** Records that were delivered and whose id is not known. */
  lacking(source: string, entity: Entity): number;
}

const scope = '(SELECT id FROM scopes WHERE source = ? AND entity = ?)';

export function createMesIds(database: Database): MesIds {
  const adopt = (column: 'business_key' | 'external_id', name: string) =>
    prepare(
      database,
      `UPDATE records SET mes_id = listed.id
       FROM (SELECT value ->> '$.${name}' AS key, value ->> '$.mesId' AS id FROM json_each(?)) AS listed
       WHERE records.scope = ${scope} AND records.${column} = listed.key AND ${isThere}`,
    );
  const byKey = adopt('business_key', 'businessKey');
  const byExternalId = adopt('external_id', 'externalId');
  const lacking = prepare<{ total: number }>(
    database,
    `SELECT count(*) AS total FROM records WHERE scope = ${scope} AND ${isThere} AND mes_id IS NULL`,
  );
  return {
    adopt(source, entity, listed) {
      const external = listed.filter(({ externalId }) => externalId !== null);
      const keyed = listed.filter(({ externalId, businessKey }) => externalId === null && businessKey !== null);
      const found = [
        byExternalId.run(JSON.stringify(external), source, entity),
        byKey.run(JSON.stringify(keyed), source, entity),
      ];
      return found.reduce((sum, { changes }) => sum + Number(changes), 0);
    },
    lacking: (source, entity) => lacking.get(source, entity)?.total ?? 0,
  };
}

import { expect, it } from 'vitest';
import { type Database, openScratchDatabase } from '../../src/state/database.ts';
import { createTables } from '../../src/state/ledger-schema.ts';
import { createRecords } from '../../src/state/records.ts';

/** A database that notes what is prepared on it. */
function listening(database: Database, heard: string[]): Database {
  return new Proxy(database, {
    get(target, name) {
      if (name === 'prepare') {
        return (sql: string) => {
          heard.push(sql);
          return target.prepare(sql);
        };
      }
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

it('finds records by their ids and by their parents without going through all of their scope', () => {
  const database = openScratchDatabase();
  createTables(database);
  const heard: string[] = [];
  const records = createRecords(listening(database, heard));
  records.lookup('erp', 'operation', ['1']);
  for (const parent of ['job', 'part'] as const) {
    records.childrenOf({ source: 'erp', entity: 'operation', parent, parentIds: ['1'] });
  }
  const asked = heard.filter((sql) => sql.includes('json_each'));
  expect(asked).toHaveLength(3);
  const plans = asked.map((sql) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail)),
  );
  expect(plans.map((steps) => steps.find((step) => step.includes('records')))).toEqual([
    'SEARCH records USING PRIMARY KEY (scope=? AND external_id=?)',
    'SEARCH records USING INDEX records_by_job (scope=? AND job=?)',
    'SEARCH records USING INDEX records_by_part (scope=? AND part=?)',
  ]);
  database.close();
});

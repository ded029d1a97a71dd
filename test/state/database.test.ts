import { expect, it } from 'vitest';
import { openScratchDatabase, readTogether, transaction } from '../../src/state/database.ts';

it.each([
  ['changes', transaction],
  ['reads', readTogether],
])('a transaction of %s whose end fails is not left open', (_what, within) => {
  const database = openScratchDatabase();
  database.exec('CREATE TABLE jobs (id TEXT PRIMARY KEY)');
  database.exec('CREATE TABLE parts (job TEXT REFERENCES jobs (id) DEFERRABLE INITIALLY DEFERRED)');
  // Found at COMMIT, which leaves the transaction open.
  expect(() => within(database, () => database.exec("INSERT INTO parts VALUES ('nobody')"))).toThrow('FOREIGN KEY');
  expect(database.isTransaction).toBe(false);
  expect(within(database, () => database.prepare('SELECT * FROM parts').all())).toEqual([]);
  database.close();
});

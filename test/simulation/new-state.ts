import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { ledgerFileName } from '../../src/state/ledger.ts';
import type { SimulatedClock } from './clock.ts';
import { giveUp, openInMemory, type Rows, readRows, takeSpare } from './memory-databases.ts';
import { makeDirectory, put, readAll, removeInMemory } from './memory-files.ts';

export { makeDirectory } from './memory-files.ts';

let newState: { files: ReadonlyMap<string, string>; rows: Rows } | undefined;

/** A state without a first pass: the tables of a new one cost a run a twentieth of its time, so they are made once. */
export async function bringNewState(directory: string, clock: SimulatedClock): Promise<void> {
  newState ??= await makeState(clock);
  // The first ones have to make theirs: no run has left one yet.
  if (!takeSpare(`${directory}/${ledgerFileName}`, newState.rows)) return;
  for (const [name, text] of newState.files) if (!name.startsWith(ledgerFileName)) put(`${directory}/${name}`, text);
}

async function makeState(clock: SimulatedClock): Promise<{ files: ReadonlyMap<string, string>; rows: Rows }> {
  const directory = makeDirectory();
  const store = await clock.run(openEmbeddedStore({ directory, clock, openDatabase: openInMemory }));
  await clock.run(store.close());
  const state = { files: readAll(directory), rows: readRows(`${directory}/${ledgerFileName}`) };
  removeState(directory);
  return state;
}

export function removeState(directory: string): void {
  removeInMemory(directory);
  for (const name of [ledgerFileName, 'lock.db']) giveUp(`${directory}/${name}`);
}

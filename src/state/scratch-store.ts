import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import type { Entity, Lifecycle, MesRecord, RecordRef } from '../core/types.ts';
import { type Database, openDatabase, openScratchDatabase, prepare, transaction } from './database.ts';
import { createState, createStore, openEmbeddedStore } from './embedded-store.ts';
import { stateFailure } from './failure.ts';
import { createParts, type Ledger, ledgerFileName } from './ledger.ts';
import { createTables } from './ledger-schema.ts';
import { doubtAfterRestore, isRestored } from './pairing.ts';
import { type LedgerCopy, openLedgerCopy } from './scratch-copy.ts';
import type { ChildQuery, OpenMark, Store } from './store.ts';
import { openWatermarkFile, type WatermarkFile, type Watermarks, watermarkFileName } from './watermark-file.ts';

/** A state that can be changed at will and is forgotten when it is closed. */
export interface ScratchStore extends Store {
  /** Records as they were last delivered, before anything that is committed next. */
  previous(source: string, entity: Entity, externalIds: readonly string[]): Map<string, PreviousRecord>;
}

/** What is still known of the record that the MES holds. */
export interface PreviousRecord {
  lifecycle: Lifecycle;
  /** Marks of its fields; null when it was delivered by a program that kept none. */
  marks: string | null;
  /** The whole record, where the ledger keeps it. */
  record: MesRecord | null;
}

/**
 * The state of a directory as it is now, to try a pass on: works beside a running daemon, and writes nothing there. The very code of the
 * embedded store runs over a private temporary database, into which records are copied as they are asked for. A directory without a state
 * is as before a first start.
 */
export async function openScratchStore(options: { directory: string; clock: Clock }): Promise<ScratchStore> {
  const { directory, clock } = options;
  const known = existsSync(join(directory, watermarkFileName)) || existsSync(join(directory, ledgerFileName));
  // Refuses what a reading verb refuses: damaged, foreign, or of another version.
  if (known) await (await openEmbeddedStore({ directory, clock, readOnly: true })).close();
  // The file before the ledger: beside a running daemon the later look may only show the ledger ahead.
  const file = await openWatermarkFile(directory);
  const base = known ? openDatabase(join(directory, ledgerFileName), { readOnly: true }) : null;
  const scratch = openScratchDatabase();
  createTables(scratch);
  const copy = openLedgerCopy(base, scratch);
  const ledger = createScratchLedger(scratch);
  await recoverDoubts(ledger, copy).catch((error: unknown) => {
    scratch.close();
    base?.close();
    throw stateFailure(error, directory);
  });
  const epoch = ledger.meta.nextEpoch();
  const state = createState({ directory, clock, file: inMemory(file), ledger, lock: null, epoch });
  const store = createStore(state);
  return {
    ...store,
    ...copying(store, copy),
    previous: previousRecords(scratch),
    async close() {
      await store.close();
      base?.close();
    },
  };
}

/** As the next start will. */
async function recoverDoubts(ledger: Ledger, copy: LedgerCopy): Promise<void> {
  for (const { source, entity, externalId } of ledger.doubts.noted()) copy.records(source, entity, [externalId]);
  for (const { source, entity } of isRestored(ledger) ? ledger.records.scopes() : []) copy.all(source, entity);
  await ledger.change(() => {
    ledger.doubts.recover();
    doubtAfterRestore(ledger);
  });
}

function createScratchLedger(scratch: Database): Ledger {
  return {
    ...createParts(scratch),
    change: async (work) => transaction(scratch, work),
    jot: async (work) => transaction(scratch, work),
    read: (work) => work(),
    recall: (_key, work) => work(),
    findDamage: () => [],
    copyTo: () => Promise.reject(new Error('A scratch state is not copied.')),
    close: () => scratch.close(),
  };
}

/** A watermark file whose changes go no further than this process. */
function inMemory(file: WatermarkFile): WatermarkFile {
  let current = file.current();
  const update = async (change: (current: Watermarks) => Watermarks) => {
    current = change(current);
  };
  return {
    current: () => current,
    exists: () => true,
    update,
    hold: update,
    holds: () => false,
    idle: async () => undefined,
  };
}

/** The methods that look at records: what they may look at is copied first. */
function copying(store: Store, copy: LedgerCopy): Pick<Store, CopyingMethod> {
  const copyBelow = (source: string, entity: Entity) => {
    if (entity === 'job') copy.all(source, 'part');
    if (entity === 'job' || entity === 'part') copy.all(source, 'operation');
  };
  const copyRecords = (source: string, refs: readonly RecordRef[]) => {
    for (const [entity, some] of Map.groupBy(refs, (ref) => ref.entity)) {
      copy.records(
        source,
        entity,
        some.map(({ externalId }) => externalId),
      );
    }
  };
  return {
    async commit(page) {
      const news = await store.commit(page);
      copy.removed(page.source, page.removed);
      return news;
    },
    lookup(source, entity, externalIds) {
      copy.records(source, entity, externalIds);
      return store.lookup(source, entity, externalIds);
    },
    childrenOf(query: ChildQuery) {
      copy.children(query);
      return store.childrenOf(query);
    },
    countRecords(source, entity) {
      copy.all(source, entity);
      return store.countRecords(source, entity);
    },
    beginSweep(source, sets) {
      for (const { entity } of sets) copy.all(source, entity);
      return store.beginSweep(source, sets);
    },
    heldOf(source, refs) {
      copyRecords(source, refs);
      return store.heldOf(source, refs);
    },
    withLiveBelow(source, entity, ids) {
      copyBelow(source, entity);
      return store.withLiveBelow(source, entity, ids);
    },
    begunRemovals(source, refs) {
      copyRecords(source, refs);
      return store.begunRemovals(source, refs);
    },
    async endRemoval(source, ref, became) {
      copyBelow(source, ref.entity);
      await store.endRemoval(source, ref, became);
      if (became === 'gone') copy.removed(source, [ref]);
    },
    markOpen(mark: OpenMark) {
      copy.all(mark.source, mark.entity);
      return store.markOpen(mark);
    },
  };
}

type CopyingMethod =
  | 'commit'
  | 'lookup'
  | 'childrenOf'
  | 'countRecords'
  | 'beginSweep'
  | 'heldOf'
  | 'markOpen'
  | 'withLiveBelow'
  | 'begunRemovals'
  | 'endRemoval';

function previousRecords(scratch: Database): ScratchStore['previous'] {
  const find = prepare<{ id: string; lifecycle: Lifecycle; marks: string | null; record: string | null }>(
    scratch,
    `SELECT external_id AS id, lifecycle, marks, record FROM json_each(?) AS asked CROSS JOIN records
     ON scope = (SELECT id FROM scopes WHERE source = ? AND entity = ?) AND external_id = asked.value`,
  );
  return (source, entity, externalIds) =>
    new Map(
      find.all(JSON.stringify(externalIds), source, entity).map(({ id, lifecycle, marks, record }) => {
        return [id, { lifecycle, marks, record: record === null ? null : JSON.parse(record) }];
      }),
    );
}

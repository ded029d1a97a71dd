import type { MesRecord } from '../core/types.ts';
import { type Database, limitTo, prepare } from './database.ts';
import { isGathered } from './parked.ts';
import type { GatheredRecord, GatheredTree, Store } from './store.ts';

/** Jobs that are held back until what belongs to them is known. */
export type Gathered = (...asked: Parameters<Store['gathered']>) => GatheredTree[];

/** Parts of a job, and operations of a part, that are looked at: no request takes as many. */
const mostChildren = 100;

type Row = { stream: string; record: string; since: string };

export function createGathered(database: Database): Gathered {
  const from = 'SELECT stream, record, since FROM parked JOIN scopes AS own ON own.id = parked.scope';
  const jobs = prepare<Row>(
    database,
    `${from} WHERE source = ? AND ${isGathered} AND external_id > ? ORDER BY external_id ${limitTo('?')}`,
  );
  const children = prepare<Row>(
    database,
    `${from} WHERE source = ? AND waits_entity = ? AND waits_id = ? AND entity = ? AND not_before IS NULL
     ORDER BY external_id LIMIT ${mostChildren}`,
  );
  const childrenOf = (source: string, parent: MesRecord, entity: 'part' | 'operation') =>
    children.all(source, parent.entity, parent.externalId, entity).map(toRecord);

  function treeOf(source: string, job: GatheredRecord): GatheredTree {
    const tree: GatheredTree = { job, children: [] };
    for (const part of childrenOf(source, job.record, 'part')) {
      if (tree.children.length >= mostChildren) break;
      tree.children.push(part, ...childrenOf(source, part.record, 'operation'));
    }
    return tree;
  }

  return (source, { after, limit }) => jobs.all(source, after, limit).map((row) => treeOf(source, toRecord(row)));
}

function toRecord({ stream, record, since }: Row): GatheredRecord {
  return { stream, record: JSON.parse(record), since };
}

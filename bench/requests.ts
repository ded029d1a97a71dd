import { type EryxonSimulator, startEryxon } from '../sandbox/eryxon/simulator.ts';
import { businessKeyOf } from '../src/core/records.ts';
import {
  type Change,
  type Entity,
  entities,
  type LedgerEntry,
  type MesRecord,
  type Outcome,
} from '../src/core/types.ts';
import { createEryxonSink } from '../src/push/eryxon/index.ts';
import { createPace } from '../src/push/pace.ts';
import { createPusher, type Lookup } from '../src/push/pusher.ts';
import type { CountedTransport } from '../src/push/transport.ts';
import { toChange } from '../src/scheduler/diff.ts';

/**
 * Requests to each generation of the MES for a thousand records of each entity: created, changed, cancelled, and changed one at a
 * time, beside the least that each way could do: first with batches of 100, as after a start, then with all that they grow to. Needs no state and no clock, so the figures are exact.
 * Run as `node bench/requests.ts`.
 */

const count = 1000;
/** As after a start, and after long good times. */
const batchSizes = [100, 1000];
const generations = ['classic', 'v060', 'main', 'repaired'] as const;

const fields: Record<Entity, (id: string, version: number) => MesRecord['fields']> = {
  cell: (id, version) => ({ name: `Cell ${id}`, sequence: version, active: true }),
  resource: (id, version) => ({ name: `Resource ${id}`, type: 'machine', description: `v${version}`, active: true }),
  job: (id, version) => ({ job_number: `J-${id}`, customer: `Customer v${version}`, due_date: null, notes: null }),
  part: (id, version) => ({ part_number: `P-${id}`, material: 'S355', quantity: version, notes: null }),
  operation: (id, version) => ({
    operation_name: `Op ${id}`,
    sequence: 10,
    estimated_time_minutes: version,
    notes: null,
  }),
};

const parents: Record<Entity, (id: string) => MesRecord['parents']> = {
  cell: () => ({}),
  resource: () => ({}),
  job: () => ({}),
  part: (id) => ({ job: id }),
  operation: (id) => ({ part: id, cell: id }),
};

interface Bench {
  /** Delivers these records; resolves to the requests that it took. */
  deliver(records: readonly MesRecord[]): Promise<number>;
}

function openBench(mes: EryxonSimulator, batchSize: number): Bench {
  const ledger = new Map<string, LedgerEntry>();
  const lookup: Lookup = async (entity, ids) =>
    new Map(
      ids.flatMap((id) => (ledger.has(`${entity}/${id}`) ? [[id, ledger.get(`${entity}/${id}`)]] : [])) as [
        string,
        LedgerEntry,
      ][],
    );
  const pusher = createPusher({
    sink: createEryxonSink(`${mes.url}/functions/v1`),
    openTransport: () => transportTo(mes),
    batchSize,
    maxConcurrency: 1,
    pace: { ...createPace({ batchSize, maxConcurrency: 1, slowMs: 60_000 }), batchSize: () => batchSize },
  });
  return {
    async deliver(records) {
      const changes = records.map((record): Change => toChange(record, ledger.get(keyOf(record)), null));
      const { outcomes, requests, failure } = await pusher.push(changes, { lookup }, new AbortController().signal);
      if (failure !== undefined) throw failure;
      for (const outcome of outcomes) note(ledger, outcome);
      return requests;
    },
  };
}

function keyOf({ entity, externalId }: MesRecord): string {
  return `${entity}/${externalId}`;
}

function note(ledger: Map<string, LedgerEntry>, outcome: Outcome): void {
  const { record, hash } = outcome.change;
  if (outcome.kind !== 'delivered') return;
  ledger.set(keyOf(record), {
    hash,
    mesId: outcome.mesId ?? ledger.get(keyOf(record))?.mesId ?? null,
    businessKey: businessKeyOf(record),
    lifecycle: record.lifecycle,
    refusedHash: null,
    stamp: null,
  });
}

function transportTo(mes: EryxonSimulator): CountedTransport {
  let requests = 0;
  return {
    requests: () => requests,
    async request({ method, path, headers, body }) {
      requests += 1;
      const answer = await fetch(`${mes.url}${path}`, {
        method,
        headers: { ...headers, Authorization: `Bearer ${mes.apiKey}` },
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() };
    },
  };
}

function recordsOf(entity: Entity, version: number, lifecycle: MesRecord['lifecycle'] = 'active'): MesRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const externalId = String(100_000 + index);
    return {
      entity,
      source: 'SAP',
      externalId,
      parents: parents[entity](externalId),
      fields: fields[entity](externalId, version),
      lifecycle,
    };
  });
}

interface Row {
  generation: string;
  entity: Entity;
  created: number;
  changed: number;
  one: number;
  cancelled: number;
}

/** Cancelled last and children first, so that nothing stands in the way of a parent. */
async function measure(generation: (typeof generations)[number], batchSize: number): Promise<Row[]> {
  const mes = await startEryxon({ seed: 1, generation });
  const bench = openBench(mes, batchSize);
  const rows = new Map<Entity, Row>();
  try {
    for (const entity of entities) {
      const created = await bench.deliver(recordsOf(entity, 1));
      const changed = await bench.deliver(recordsOf(entity, 2));
      const one = await bench.deliver(recordsOf(entity, 3).slice(0, 1));
      rows.set(entity, { generation, entity, created, changed, one, cancelled: 0 });
    }
    for (const entity of entities.toReversed()) {
      const row = rows.get(entity);
      if (row !== undefined) row.cancelled = await bench.deliver(recordsOf(entity, 3, 'cancelled'));
    }
  } finally {
    await mes.stop();
  }
  return [...rows.values()];
}

console.log(
  `Requests for ${count} records. With batches of 100 the least possible is 10, with batches of 1000 it is 1, and 1 for one record.`,
);
console.log(
  'Finding out what the MES can do is counted with the first cells. An idle day costs that and nothing else.\n',
);
console.log('| MES | batch | entity | created | changed | one changed | cancelled |');
console.log('|---|---:|---|---:|---:|---:|---:|');
for (const generation of generations) {
  for (const batchSize of batchSizes) {
    for (const { entity, created, changed, one, cancelled } of await measure(generation, batchSize)) {
      console.log(`| ${[generation, batchSize, entity, created, changed, one, cancelled].join(' | ')} |`);
    }
  }
}

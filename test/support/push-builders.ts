import type { Change, Entity, LedgerEntry, MesRecord, Outcome, RecordRef } from '../../src/core/types.ts';
import type { Lookup } from '../../src/push/pusher.ts';
import type { ReadyChange } from '../../src/push/sink.ts';

export const source = 'SAP';

/** Fields that each entity cannot do without, as the mapper would make them. */
const fieldsOf: Record<Entity, (id: string) => MesRecord['fields']> = {
  cell: (id) => ({ name: `Cell ${id}`, active: true }),
  resource: (id) => ({ name: `Resource ${id}`, type: 'equipment', active: true }),
  job: (id) => ({ job_number: `J-${id}`, customer: 'Acme' }),
  part: (id) => ({ part_number: `P-${id}`, material: 'Steel', quantity: 2 }),
  operation: (id) => ({ operation_name: `Cut ${id}`, sequence: 10, estimated_time_minutes: 5 }),
};

export function record(entity: Entity, externalId: string, rest: Partial<MesRecord> = {}): MesRecord {
  return {
    entity,
    source,
    externalId,
    parents: {},
    fields: fieldsOf[entity](externalId),
    lifecycle: 'active',
    ...rest,
  };
}

export function change(of: MesRecord, known?: Partial<LedgerEntry>): Change {
  return {
    record: of,
    fieldsJson: JSON.stringify(of.fields),
    hash: `hash of ${JSON.stringify(of)}`,
    known: known === undefined ? undefined : entry(known),
    stamp: null,
  };
}

/** A change whose parents have been found; cells go by their name. */
export function ready(of: MesRecord, known?: Partial<LedgerEntry>): ReadyChange {
  const { job, part, cell } = of.parents;
  return {
    ...change(of, known),
    parents: {
      ...(job === undefined ? {} : { job: { mesId: null, businessKey: `J-${job}` } }),
      ...(part === undefined ? {} : { part: { mesId: null, businessKey: `P-${part}` } }),
      ...(cell === undefined ? {} : { cell: { mesId: null, businessKey: `Cell ${cell}` } }),
    },
  };
}

/** What the ledger holds of a delivered record. */
export function entry(rest: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    hash: 'delivered before',
    mesId: null,
    businessKey: null,
    lifecycle: 'active',
    refusedHash: null,
    stamp: null,
    ...rest,
  };
}

/** A ledger that holds these records, by `<entity>/<externalId>`, and remembers what it was asked. */
export function ledger(known: Readonly<Record<string, LedgerEntry>> = {}): { lookup: Lookup; asked: RecordRef[] } {
  const asked: RecordRef[] = [];
  const lookup: Lookup = async (entity, externalIds) => {
    const found = new Map<string, LedgerEntry>();
    for (const externalId of externalIds) {
      asked.push({ entity, externalId });
      const held = known[`${entity}/${externalId}`];
      if (held !== undefined) found.set(externalId, held);
    }
    return found;
  };
  return { lookup, asked };
}

/** Outcomes in short: `job/1 created`, `part/2 waits for job/1`, `job/3 refused: reason`. */
export function told(outcomes: readonly Outcome[]): string[] {
  return outcomes.map((outcome) => {
    const { entity, externalId } = outcome.change.record;
    const key = `${entity}/${externalId}`;
    if (outcome.kind === 'delivered') return `${key} ${outcome.action}`;
    if (outcome.kind === 'refused') return `${key} refused: ${outcome.reason}`;
    return `${key} waits for ${outcome.waitsFor.entity}/${outcome.waitsFor.externalId}`;
  });
}

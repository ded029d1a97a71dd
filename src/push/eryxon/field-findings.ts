import type { Entity, Finding } from '../../core/types.ts';
import type { Capabilities } from './ability.ts';
import { tables } from './bodies.ts';
import { columnFor } from './columns.ts';
import { erpSyncColumns } from './ways.ts';

/** MES fields that records carry, by entity. */
export type MappedFields = ReadonlyMap<Entity, ReadonlySet<string>>;

/** Fields that the documented API takes over; it ignores all others. */
const documented: Readonly<Record<Entity, string>> = {
  cell: 'name color sequence active',
  resource: 'name type description identifier location active',
  job: 'job_number customer customer_name due_date priority notes description',
  part: 'part_number material quantity notes',
  operation: 'operation_name sequence estimated_time estimated_time_minutes notes planned_start planned_end',
};

/** One warning an entity of which fields have no place in this MES. */
export function leftOutFindings(capabilities: Capabilities, mapped: MappedFields): Finding[] {
  return [...mapped].flatMap(([entity, fields]): Finding[] => {
    const left = [...fields].filter((field) => !isTaken(capabilities, entity, field));
    if (left.length === 0) return [];
    return [
      {
        code: 'mes-fields-left-out',
        level: 'warning',
        where: `mes ${tables[entity]}`,
        text: `This MES has no place for ${left.join(', ')} of ${tables[entity]}, which the mapping sets: delivered without.`,
        todo: 'If people at the MES need it, map it to a field that this MES has, such as notes.',
      },
    ];
  });
}

function isTaken({ generation, entities, lacking }: Capabilities, entity: Entity, field: string): boolean {
  if (generation === 'classic') return documented[entity].split(' ').includes(field);
  const column = columnFor(entity, field);
  if (column === undefined || lacking.some((each) => each.entity === entity && each.column === column)) return false;
  const { put, post } = entities[entity];
  return put || post || erpSyncColumns[entity]?.has(field) === true;
}

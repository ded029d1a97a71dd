import { describe, expect, it } from 'vitest';
import type { Generation } from '../../../sandbox/eryxon/generation.ts';
import type { Entity } from '../../../src/core/types.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import { startMes } from '../../support/eryxon-mes.ts';
import { change, record } from '../../support/push-builders.ts';

const mapped = new Map<Entity, ReadonlySet<string>>([
  ['cell', new Set(['name', 'active', 'description'])],
  ['job', new Set(['job_number', 'customer_name', 'priority'])],
  ['part', new Set(['part_number', 'material', 'weight_kg', 'description'])],
  ['operation', new Set(['operation_name', 'estimated_time_minutes', 'instructions', 'planned_start'])],
]);

describe('fields that a MES has no place for', () => {
  it.each([
    ['classic', ['cells: description', 'parts: weight_kg, description', 'operations: instructions']],
    ['v060', ['jobs: priority', 'parts: description', 'operations: instructions']],
    // Parts go by erp-sync alone there, and its function takes four columns.
    ['main', ['jobs: priority', 'parts: weight_kg, description', 'operations: instructions']],
    ['repaired', ['parts: description', 'operations: instructions']],
  ] as [Generation, string[]][])('are named by the check of %s, once an entity', async (generation, expected) => {
    const { mes, transport } = await startMes({ generation });
    const findings = await createEryxonSink(`${mes.url}/functions/v1`).check(transport, mapped);
    const warnings = findings.filter(({ code }) => code === 'mes-fields-left-out');
    const told = warnings.map(({ level, where, text }) => [level, where, /place for (.*) of/.exec(text)?.[1]]);
    expect(told).toEqual(
      expected.map((line) => {
        const [table, fields] = line.split(': ');
        return ['warning', `mes ${table}`, fields];
      }),
    );
  });

  it('are told once when records are delivered without them, and not where they say nothing', async () => {
    const told: string[] = [];
    const { mes, transport } = await startMes({ generation: 'main' });
    const onLeftOut = ({ entity, field }: { entity: Entity; field: string }) => void told.push(`${entity} ${field}`);
    const sink = createEryxonSink(`${mes.url}/functions/v1`, { onLeftOut });
    const cell = (id: string, fields: Record<string, string | null>) =>
      ({ ...change(record('cell', id, { fields: { name: id, ...fields } })), parents: {} }) as const;
    const changes = [cell('a', { motto: null }), cell('b', { motto: 'Fast' }), cell('c', { motto: 'Faster' })];
    const results = await sink.deliver({ entity: 'cell', changes }, transport);
    expect(results.map(({ kind }) => kind)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(told).toEqual(['cell motto']);
  });
});

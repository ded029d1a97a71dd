import { afterEach, describe, expect, it } from 'vitest';
import { generations } from '../../sandbox/eryxon/generation.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { type ImageRecord, type Table, tables } from '../../sandbox/types.ts';

let sandbox: Sandbox | undefined;

afterEach(async () => {
  await sandbox?.stop();
  sandbox = undefined;
});

/** Creates whatever the ERP implies by plain POSTs, with the uuids of parents looked up in the answers. */
async function deliver({ sap, mes }: Sandbox): Promise<void> {
  const ids = new Map<string, string>();
  const idOf = (table: Table, name: unknown) => ids.get(`${table}/${String(name)}`);
  for (const table of tables) {
    for (const { externalId, fields, onHold } of sap.expected()[table].values()) {
      const { job_external_id, part_external_id, cell_name, estimated_time_minutes, ...columns } = fields;
      const parents: Record<string, unknown> = {};
      if (table === 'cells') parents['sequence'] = 1;
      if (table === 'parts') parents['job_id'] = idOf('jobs', job_external_id);
      if (table === 'operations') {
        Object.assign(parents, {
          part_id: idOf('parts', part_external_id),
          cell_id: idOf('cells', cell_name),
          estimated_time: estimated_time_minutes,
        });
      }
      const status = onHold ? { status: 'on_hold' } : {};
      const body = { ...columns, ...parents, ...status, external_id: externalId, external_source: 'SAP' };
      ids.set(`${table}/${keyOf(table, { externalId, fields })}`, await create(table, body));
    }
  }

  async function create(table: Table, body: object): Promise<string> {
    // The documented generation has no plain POST, and main none for parts.
    const [method, path] = mes.generation === 'classic' ? ['PUT', '/sync'] : ['POST', ''];
    const erpSync = mes.generation === 'main' && table === 'parts';
    const response = await fetch(`${mes.url}/functions/v1/api-${erpSync ? 'erp-sync/sync' : `${table}${path}`}`, {
      method: erpSync ? 'POST' : method,
      headers: { authorization: `Bearer ${mes.apiKey}` },
      body: JSON.stringify(erpSync ? { parts: [body] } : body),
    });
    const text = await response.text();
    expect(text).toContain('"success":true');
    return /"id":"([^"]+)"/.exec(text)?.[1] ?? '';
  }
}

function keyOf(table: Table, { externalId, fields }: ImageRecord): unknown {
  return table === 'cells' ? fields['name'] : externalId;
}

describe.each(generations)('the comparison with a MES of generation %s', (generation) => {
  it('finds no difference once everything was delivered, and any that someone makes', async () => {
    sandbox = await startSandbox({ seed: 5, records: 60, generation });
    await deliver(sandbox);
    expect(sandbox.compare().differences).toEqual([]);
    const [job] = sandbox.mes.image().jobs.keys();
    sandbox.mes.edit('jobs', String(job), { customer: 'somebody else' });
    expect(sandbox.compare().differences).toHaveLength(1);
    sandbox.mes.edit('jobs', String(job), {
      customer: sandbox.sap.expected().jobs.get(String(job))?.fields['customer'],
    });
    sandbox.mes.remove('operations', String(sandbox.mes.image().operations.keys().next().value));
    expect(sandbox.compare().differences).toEqual([expect.stringMatching(/^operations\/\S+ is missing$/)]);
  });
});

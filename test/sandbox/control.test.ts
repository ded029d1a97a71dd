import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { control } from '../../sandbox/control.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 3, records: 20, generation: 'repaired' });
  const headers = { authorization: `Bearer ${sandbox.mes.apiKey}` };
  const body = JSON.stringify({ external_id: 'j', external_source: 'SAP', job_number: 'J' });
  await fetch(`${sandbox.mes.url}/functions/v1/api-jobs/sync`, { method: 'PUT', headers, body });
});

afterEach(() => sandbox.stop());

function run(command: string, body = ''): { status: number; json: Record<string, unknown> } {
  const [method = '', target = ''] = command.split(' ');
  const [path = '', query = ''] = target.split('?');
  const answer = control(sandbox, { method, path, query, headers: {}, body });
  return { status: answer.status, json: JSON.parse(answer.body) as Record<string, unknown> };
}

describe('the control commands of the MES', () => {
  it('change a record as people would', () => {
    expect(run('POST /touch?table=jobs&id=j&status=in_progress').status).toBe(200);
    expect(run('POST /edit?table=jobs&id=j', '{"customer":"by hand"}').status).toBe(200);
    const fields = sandbox.mes.image().jobs.get('j')?.fields;
    expect(fields).toMatchObject({ status: 'in_progress', customer: 'by hand' });
    expect(run('POST /remove?table=jobs&id=j').json['counts']).toMatchObject({ jobs: 0 });
  });

  it('say what they do not understand', () => {
    expect(run('POST /remove?table=jobs&id=nobody').json).toEqual({ error: 'The MES has no jobs/nobody.' });
    expect(run('POST /edit?table=orders&id=j').json['error']).toMatch(/^Parameter table must be one of cells, /);
    expect(run('POST /edit?table=jobs&id=j', '{"customer":').status).toBe(400);
    expect(run('POST /lie?percent=much').status).toBe(400);
    expect(run('POST /lie?percent=50').status).toBe(200);
  });

  it('compare what the ERP implies with what a MES of that generation holds', () => {
    const comparison = run('GET /compare').json as unknown as ReturnType<Sandbox['compare']>;
    expect(comparison.equal).toBe(false);
    expect(comparison.differences).toContain('jobs/j is extra');
  });
});

import { describe, expect, it } from 'vitest';
import type { Table } from '../../sandbox/types.ts';
import { TransientError } from '../../src/core/errors.ts';
import { createHttpClient, type HttpRequest, type HttpResponse, type OpenHttp } from '../../src/core/http.ts';
import { entities } from '../../src/core/types.ts';
import { expectEqual, openPlant, type Plant } from '../support/plant.ts';

type Between = (request: HttpRequest, send: () => Promise<HttpResponse>) => Promise<HttpResponse>;

/** What happens to requests to the MES can be changed at any time. */
function meddling(): { openHttp: OpenHttp; between: Between } {
  const state: { openHttp: OpenHttp; between: Between } = {
    between: (_request, send) => send(),
    openHttp(settings) {
      const client = createHttpClient(settings);
      const request: typeof client.request = (each, signal) => {
        const send = () => client.request(each, signal);
        return settings.system === 'mes' ? state.between(each, send) : send();
      };
      return { ...client, request };
    },
  };
  return state;
}

const isCreateOfOperation = ({ method, path }: HttpRequest) => method === 'POST' && /api-operations(\?|$)/.test(path);

/** As by a database that was cleaned: no row is left that would keep the key. */
function wipe({ sandbox: { mes } }: Plant, table: Table, id: string): void {
  const names: Partial<Record<Table, string>> = { parts: 'part_number', jobs: 'job_number' };
  const name = names[table];
  mes.edit(table, id, {
    external_id: `wiped ${id}`,
    ...(name === undefined ? {} : { [name]: `wiped ${table} ${id}` }),
  });
  mes.remove(table, `wiped ${id}`);
}

/** `watermark reset --forget` of all streams. */
async function forgetAll(plant: Plant): Promise<void> {
  const { store } = plant.app();
  for (const { stream } of await store.status()) {
    await store.setWatermark({ stream, watermark: null, forget: { source: 'SAP', entities } });
  }
}

/** From the commit of the next created operations on the program is dead. */
function dieBeforeCommit(plant: Plant, meddler: { between: Between }): void {
  const { store } = plant.app();
  const { commit } = store;
  let dead = false;
  meddler.between = (_request, send) => (dead ? Promise.reject(new Error('killed')) : send());
  store.commit = (page) => {
    const created = page.outcomes.some(
      (each) => each.kind === 'delivered' && each.change.record.entity === 'operation',
    );
    dead ||= created;
    return dead ? Promise.reject(new Error('killed')) : commit(page);
  };
}

async function restart(plant: Plant, meddler: { between: Between }): Promise<void> {
  meddler.between = (_request, send) => send();
  await plant.reopen();
  plant.clock.skip(120_000);
}

const options = { records: 60, deletes: false } as const;

describe.each(['main', 'v060'] as const)('rows that are gone from a MES of generation %s', (generation) => {
  it('are made anew and kept, though the program dies before it can keep their ids', async () => {
    const meddler = meddling();
    const plant = await openPlant({ ...options, seed: 91, generation }, { openHttp: meddler.openHttp });
    await plant.passUntilDone();
    const ids = [...plant.sandbox.mes.image().operations.keys()];
    for (const id of ids) wipe(plant, 'operations', id);
    await forgetAll(plant);
    dieBeforeCommit(plant, meddler);
    await plant.pass();
    await restart(plant, meddler);
    await plant.passUntilDone();
    expectEqual(plant);
    expect(await plant.app().store.deadLetters({})).toEqual([]);
  });

  it('are sent again when everything is, also those of which the ledger never had the id', async () => {
    const meddler = meddling();
    const plant = await openPlant({ ...options, seed: 92, generation }, { openHttp: meddler.openHttp });
    dieBeforeCommit(plant, meddler);
    await plant.pass();
    const ids = [...plant.sandbox.mes.image().operations.keys()];
    expect(ids.length).toBeGreaterThan(0);
    for (const id of ids) wipe(plant, 'operations', id);
    await restart(plant, meddler);
    await forgetAll(plant);
    await plant.passUntilDone();
    expectEqual(plant);
  });

  it('and keep their key: a create that is refused for it is no proof, though its first answer was lost', async () => {
    const meddler = meddling();
    const plant = await openPlant({ ...options, seed: 93, generation }, { openHttp: meddler.openHttp });
    await plant.passUntilDone();
    const [id = ''] = plant.sandbox.mes.image().operations.keys();
    plant.sandbox.mes.remove('operations', id);
    await forgetAll(plant);
    let lost = 0;
    meddler.between = async (request, send) => {
      const answer = await send();
      if (!isCreateOfOperation(request) || lost > 0) return answer;
      lost += 1;
      throw new TransientError('ECONNRESET');
    };
    await plant.passUntilDone();
    expect(lost).toBe(1);
    expect((await plant.app().store.deadLetters({})).map(({ key }) => key)).toEqual([`operation/${id}`]);
  });

  it('come back on hold where they were cancelled, orders and all', async () => {
    const plant = await openPlant({ ...options, records: 150, seed: 95, generation });
    await plant.passUntilDone();
    const image = plant.sandbox.mes.image();
    for (const table of ['operations', 'parts', 'jobs'] as const) {
      for (const id of image[table].keys()) wipe(plant, table, id);
    }
    await forgetAll(plant);
    await plant.reopen();
    await plant.passUntilDone();
    expectEqual(plant);
    expect([...plant.sandbox.mes.image().jobs.values()].some(({ onHold }) => onHold)).toBe(true);
  });
});

import { describe, expect, it } from 'vitest';
import type { RunExclusive } from '../../src/app/app.ts';
import { rebuildIds } from '../../src/app/rebuild.ts';
import { mesRequests, openPlant, type Plant } from '../support/plant.ts';

const never = new AbortController().signal;

describe('the ids of the MES, taken anew', () => {
  it('are listed and noted while no run of the connector is under way', async () => {
    const plant = await delivered();
    const held: [string, number][] = [];
    const exclusive: RunExclusive = async (name, task) => {
      const before = mesRequests(plant);
      const result = await task(never);
      held.push([name, mesRequests(plant) - before]);
      return result;
    };
    const before = mesRequests(plant);
    const rebuilt = await rebuildIds(plant.app(), exclusive);
    expect(rebuilt.map(({ entity }) => entity)).toEqual(['cell', 'resource', 'job', 'part', 'operation']);
    expect(mesRequests(plant) - before).toBeGreaterThan(3);
    expect(held).toEqual([['plant', mesRequests(plant) - before]]);
  });

  it('are not asked for any further once the program is told to stop', async () => {
    const plant = await delivered();
    const before = mesRequests(plant);
    const stopping = new AbortController();
    plant.events.on('request:done', () => stopping.abort(new Error('The program is stopping.')));
    const rebuilding = rebuildIds(plant.app(), (_name, task) => task(never, stopping.signal));
    await expect(rebuilding).rejects.toThrow('The program is stopping.');
    expect(mesRequests(plant) - before).toBe(1);
  });
});

async function delivered(): Promise<Plant> {
  const plant = await openPlant({ seed: 63, records: 60, generation: 'v060' });
  await plant.passUntilDone();
  return plant;
}

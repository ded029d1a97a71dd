import { expect, it } from 'vitest';
import { noteMesAddress } from '../../src/app/mes-address.ts';
import { createEventBus } from '../../src/core/events.ts';

function begin() {
  const notes = new Map<string, unknown>();
  const told: object[] = [];
  const events = createEventBus((error) => {
    throw error;
  });
  events.on('mes:moved', (fields) => void told.push(fields));
  const store = {
    readNote: async (name: string) => notes.get(name),
    writeNote: async (name: string, value: unknown) => void notes.set(name, value),
  };
  return { store, events, told };
}

it('tells once of a MES at another address, and nothing of the first one', async () => {
  const { store, events, told } = begin();
  await noteMesAddress({ store, events }, 'https://test.example');
  await noteMesAddress({ store, events }, 'https://test.example');
  expect(told).toEqual([]);
  await noteMesAddress({ store, events }, 'https://plant.example');
  await noteMesAddress({ store, events }, 'https://plant.example');
  expect(told).toEqual([{ before: 'https://test.example', now: 'https://plant.example' }]);
});

it('takes the same address, written otherwise, for the same', async () => {
  const { store, events, told } = begin();
  for (const url of ['https://mes.example/v1', 'https://mes.example/v1/', 'https://MES.example:443/v1'])
    await noteMesAddress({ store, events }, url);
  expect(told).toEqual([]);
  for (const url of ['https://mes.example/V1', 'https://mes.example:8443/V1', 'http://mes.example:8443/V1'])
    await noteMesAddress({ store, events }, url);
  expect(told).toHaveLength(3);
});

it('takes an address that an older version has noted as it was written for the same', async () => {
  const { store, events, told } = begin();
  await store.writeNote('mes address', 'https://mes.example/v1/');
  await noteMesAddress({ store, events }, 'https://mes.example/v1');
  expect(told).toEqual([]);
});

it('leaves it to the passes to fail where the state cannot be written', async () => {
  const { store, events, told } = begin();
  const full = { ...store, writeNote: () => Promise.reject(new Error('ENOSPC')) };
  await expect(noteMesAddress({ store: full, events }, 'https://test.example')).resolves.toBeUndefined();
  expect(told).toEqual([]);
});

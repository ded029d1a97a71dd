import { describe, expect, it } from 'vitest';
import { createRehearsal } from '../../src/push/rehearsal.ts';
import type { ReadyChange, SinkResult } from '../../src/push/sink.ts';
import { change, record } from '../support/state-builders.ts';

const ready = (id: string, rest: Partial<ReadyChange> = {}): ReadyChange => ({
  ...change(record(id)),
  parents: {},
  ...rest,
});
const entry = { businessKey: null, lifecycle: 'active', refusedHash: null, stamp: null } as const;

describe('a rehearsal', () => {
  it('takes everything, under the id that the MES knows or a made-up one, and counts what the real sink would send', async () => {
    const { sink, openTransport } = createRehearsal({ estimate: async ({ changes }) => changes.length + 1 });
    const transport = openTransport();
    const batch = {
      entity: 'job',
      changes: [
        ready('1'),
        ready('2', { known: { ...entry, hash: 'old', mesId: 'uuid-2' } }),
        ready('3', { known: { ...entry, hash: null, mesId: 'uuid-3' } }),
      ],
    } as const;
    expect(await sink.deliver(batch, transport)).toEqual([
      { kind: 'delivered', action: 'created', mesId: 'planned job 1' },
      { kind: 'delivered', action: 'updated', mesId: 'uuid-2' },
      { kind: 'delivered', action: 'updated', mesId: 'uuid-3' },
    ]);
    expect(transport.requests()).toBe(4);
    expect(openTransport().requests()).toBe(0);
  });

  it('does not take what the real sink would not send, and counts no request for it', async () => {
    const [bad, good] = [ready('1'), ready('2')];
    const result: SinkResult = { kind: 'unavailable', reason: 'no table' };
    const { sink, openTransport } = createRehearsal({
      estimate: async ({ changes }) => changes.length,
      foresee: async () => new Map([[bad, result]]),
    });
    const transport = openTransport();
    const results = await sink.deliver({ entity: 'job', changes: [bad, good] }, transport);
    expect(results).toEqual([result, expect.objectContaining({ kind: 'delivered' })]);
    expect(transport.requests()).toBe(1);
  });

  it('counts a request and sends nothing', async () => {
    const transport = createRehearsal({}).openTransport();
    await transport.request({ method: 'GET', path: 'http://127.0.0.1:1/' });
    expect(transport.requests()).toBe(1);
  });
});

import { describe, expect, it } from 'vitest';
import type { StreamGauges } from '../../src/server/metrics.ts';
import { withSetAside } from '../../src/server/set-aside.ts';

const quiet: StreamGauges = {
  stream: 'plant/cells',
  lagSeconds: 1,
  lastSuccess: '2026-03-01T08:00:00.000Z',
  deadLetters: 0,
  deadLettersSince: null,
  parked: 0,
  parkedSince: null,
};
const green = { ready: true, reasons: [] };

describe('readiness', () => {
  it('counts what is set aside by stream, with the age of the oldest, and stays green', async () => {
    const waiting = { ...quiet, stream: 'plant/parts', parked: 2, parkedSince: '2026-02-27T08:00:00.000Z' };
    const refused = { ...quiet, stream: 'plant/jobs', deadLetters: 3, deadLettersSince: '2026-02-28T08:00:00.000Z' };
    const readiness = withSetAside(
      async () => green,
      async () => [quiet, waiting, refused],
    );
    const none = { deadLetters: 0, deadLettersSince: null, parked: 0, parkedSince: null };
    expect(await readiness()).toEqual({
      ...green,
      setAside: [
        { ...none, stream: 'plant/parts', parked: 2, parkedSince: '2026-02-27T08:00:00.000Z' },
        { ...none, stream: 'plant/jobs', deadLetters: 3, deadLettersSince: '2026-02-28T08:00:00.000Z' },
      ],
    });
  });

  it('says why it is red also when the state cannot be read', async () => {
    const red = { ready: false, reasons: ['The state cannot be written: EIO'] };
    const readiness = withSetAside(
      async () => red,
      () => Promise.reject(new Error('EIO')),
    );
    expect(await readiness()).toEqual({ ...red, setAside: [] });
  });
});

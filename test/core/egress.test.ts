import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { isLinkLocal, lookupBeyondLink } from '../../src/core/egress.ts';
import { PermanentError } from '../../src/core/errors.ts';
import { createEventBus } from '../../src/core/events.ts';
import { createHttpClient } from '../../src/core/http.ts';

/** What each name stands for. */
const names: Record<string, { address: string; family: number }[]> = {
  'metadata.example': [{ address: '169.254.169.254', family: 4 }],
  'both.example': [
    { address: 'fe80::1', family: 6 },
    { address: '10.0.0.7', family: 4 },
  ],
};

vi.mock('node:dns', async (original) => ({
  ...(await original<object>()),
  lookup(host: string, { all }: { all?: boolean }, callback: (...answer: unknown[]) => void) {
    const found = names[host] ?? [];
    if (all === true) callback(null, found);
    else callback(null, found[0]?.address, found[0]?.family);
  },
}));

describe('an address on the link', () => {
  it.each(['169.254.0.0', '169.254.169.254', '169.254.255.255', 'fe80::1', '[fe80::1]', 'febf::1', 'fe80::1%eth0'])(
    'is %s',
    (address) => expect(isLinkLocal(address)).toBe(true),
  );

  it('is also one that is written as IPv6', () => {
    expect(isLinkLocal(new URL('http://[::ffff:169.254.169.254]').hostname)).toBe(true);
  });

  it.each(['127.0.0.1', '::1', '10.0.0.7', '192.168.1.1', 'fd00::1', '169.253.1.1', '8.8.8.8', 'fec0::1', 'localhost'])(
    'is not %s',
    (address) => expect(isLinkLocal(address)).toBe(false),
  );
});

describe('a name that stands for an address on the link', () => {
  it('gets no request, and the error says why and what to do', async () => {
    const client = createHttpClient({
      origin: 'http://metadata.example',
      system: 'mes',
      name: 'mes',
      deadlineMs: 2000,
      maxBytes: 1000,
      clock: systemClock,
      events: createEventBus(() => undefined),
    });
    const sent = client.request({ method: 'GET', path: '/latest' }, new AbortController().signal);
    const error = await sent.catch((caught: unknown) => caught);
    client.close();
    expect(error).toBeInstanceOf(PermanentError);
    expect((error as Error).message).toMatch(/was not sent.*link-local.*Correct the URL/);
  });

  it('is left out where the name stands for others too', async () => {
    const found = await new Promise((resolve) => {
      lookupBeyondLink('both.example', { all: true }, (error, addresses) => resolve([error, addresses]));
    });
    expect(found).toEqual([null, [{ address: '10.0.0.7', family: 4 }]]);
  });
});

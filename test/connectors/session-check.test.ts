import { describe, expect, it } from 'vitest';
import { checkSession } from '../../src/connectors/session-check.ts';
import { ConfigError, PermanentError, TransientError } from '../../src/core/errors.ts';
import { createHastyClock, never } from '../support/connector-context.ts';

const clock = createHastyClock(new Date('2026-10-01T08:00:00Z'));

async function check(samples: Record<string, number | Error>, aheadSeconds = 0) {
  const session = { name: 'plant-1', clock: async () => new Date(clock.now().getTime() + aheadSeconds * 1000) };
  const probes = Object.entries(samples).map(([name, sample]) => ({
    name,
    async sample() {
      if (sample instanceof Error) throw sample;
      return sample;
    },
  }));
  return checkSession({ session, probes, clock }, never);
}

describe('a check', () => {
  it('goes on with the other streams, and asks for the clock only where something could be read', async () => {
    const findings = await check({ one: 1, two: new TransientError('Down.'), three: 0 });
    expect(findings.map(({ where, code, level }) => [where, code, level])).toEqual([
      ['plant-1/one', 'stream-readable', 'ok'],
      ['plant-1/two', 'erp-unreachable', 'error'],
      ['plant-1/three', 'stream-empty', 'warning'],
      ['plant-1', 'clock-agrees', 'ok'],
    ]);
    expect((await check({ two: new TransientError('Down.') })).map(({ code }) => code)).toEqual(['erp-unreachable']);
  });

  it.each([
    [new ConfigError('No such property.'), 'property-missing', 'Correct the properties of the stream'],
    [new PermanentError('Refused.', { credentials: true }), 'credentials-refused', 'Correct auth'],
    [new PermanentError('Refused.'), 'stream-refused', 'Ask the ERP administrator'],
    [new TransientError('Down.'), 'erp-unreachable', 'Check url, proxy and tls'],
    [new TransientError('Enough.', { status: 429 }), 'erp-unreachable', 'Check again later; if it stays, lower rate'],
  ])('answers %s with its own code and what to do', async (error, code, todo) => {
    const [finding] = await check({ one: error });
    expect(finding).toMatchObject({ code, level: 'error', text: error.message, todo: expect.stringContaining(todo) });
  });

  it('warns that no rows may mean no authorisation', async () => {
    const [finding] = await check({ one: 0 });
    expect(finding?.todo).toMatch(/authorisations of the user and the filter/);
  });

  it.each([
    [30, 'clock-agrees', "The ERP's clock agrees with this machine's."],
    [31, 'clock-skewed', "The ERP's clock differs by 31 s from this machine's."],
    [-3600, 'clock-skewed', "The ERP's clock differs by -3600 s from this machine's."],
  ])('calls a clock %i s ahead %s', async (ahead, code, text) => {
    expect((await check({ one: 1 }, ahead)).at(-1)).toMatchObject({ code, text });
  });
});

import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError, WaitError } from '../../../src/core/errors.ts';
import type { HttpResponse } from '../../../src/core/http.ts';
import { createAnswerRules } from '../../../src/push/eryxon/answers.ts';
import { createEryxonSink } from '../../../src/push/eryxon/index.ts';
import type { Transport } from '../../../src/push/sink.ts';
import { answered, startMes } from '../../support/eryxon-mes.ts';

const { refuseTransient } = createAnswerRules({ now: () => new Date('2026-03-02T08:00:00Z') });
const limited = answered(
  429,
  { success: false, error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Rate limit exceeded' } },
  { 'retry-after': '3600' },
);

const doesNotStart = answered(503, { code: 'BOOT_ERROR', message: 'Function failed to start (please check logs)' });

/** What a check says of a MES that answers its lists, and anything else (or the lists too) in this way. */
async function check(fault: Error | HttpResponse, { lists = true } = {}) {
  const transport: Transport = {
    async request({ method }) {
      if (method === 'GET' && lists) return answered(200, { success: true, data: { jobs: [] } });
      if (fault instanceof Error) throw fault;
      refuseTransient(fault);
      return fault;
    },
  };
  return createEryxonSink('https://mes.example/functions/v1').check(transport);
}

describe('a check of a MES whose lists answer and that does not tell what it takes', () => {
  it.each([
    ['refuses the key', answered(401, { error: 'Invalid API key' }), [/Invalid API key/, /mes\.apiKey/]],
    ['leads elsewhere', new PermanentError('HTTP 302', { redirect: 'https://other/' }), [/302/, /^Correct mes\.url/]],
    ['sends too much', new PermanentError('more than 9 bytes', { tooLarge: true }), [/more than/, /mes\.url/]],
    ['fails', answered(500, 'oops'), [/HTTP 500/, /^Check again later/]],
    ['is a page', answered(200, '<html>'), [/no success envelope/, /^Check again later/]],
    ['is cut off', new TransientError('failed: ECONNRESET.'), [/ECONNRESET/, /mes\.proxy/]],
    ['starts no function', doesNotStart, [/api-jobs does not start/, /ask the MES administrator/]],
    ['is asked too often', limited, [/HTTP 429/, /^Check again later.*mes\.rate/]],
  ] as const)('says so beside what was found before: it %s', async (_what, fault, [text, todo]) => {
    const findings = await check(fault);
    expect(findings.filter(({ code }) => code === 'mes-reachable')).toHaveLength(5);
    const [own, ...more] = findings.slice(5);
    expect(own).toMatchObject({ code: 'mes-ways-unknown', level: 'error', where: 'mes' });
    expect(own?.text).toMatch(text);
    expect(own?.todo).toMatch(todo);
    expect(more).toEqual([]);
  });

  it('says that it waits where it does', async () => {
    const until = '2026-03-02T09:00:00Z';
    const findings = await check(new WaitError('The MES asked for silence.', { until, retryAfterMs: 1 }));
    expect(findings.slice(5)).toMatchObject([{ code: 'mes-waits', text: 'The MES asked for silence.' }]);
  });
});

describe('a check of a MES of which api-jobs alone does not start', () => {
  it('tells how each kind of record is delivered', async () => {
    const { mes, transport } = await startMes({ generation: 'v060' });
    const request: Transport['request'] = async (asked) =>
      asked.path.includes('/api-jobs') ? doesNotStart : transport.request(asked);
    const findings = await createEryxonSink(`${mes.url}/functions/v1`).check({ request });
    expect(findings.slice(5).map(({ where, code }) => [where, code])).toEqual([
      ['mes cells', 'mes-way-single'],
      ['mes resources', 'mes-way-single'],
      ['mes jobs', 'mes-way-none'],
      ['mes parts', 'mes-way'],
      ['mes operations', 'mes-way-single'],
    ]);
  });
});

describe('a check of a MES that does not answer its lists', () => {
  it.each([
    ['limits', limited, ['mes-limited', /^Check again later.*mes\.rate/]],
    ['leads elsewhere', new PermanentError('HTTP 302', { redirect: 'x' }), ['mes-refused', /^Correct mes\.url/]],
    ['sends too much', new PermanentError('too much', { tooLarge: true }), ['mes-refused', /mes\.url/]],
    ['refuses the key', new PermanentError('no', { credentials: true }), ['mes-credentials-refused', /mes\.apiKey/]],
    ['fails', answered(503, ''), ['mes-unreachable', /^Check again later/]],
    [
      'is not there',
      new TransientError('ECONNREFUSED', { unsent: true }),
      ['mes-unreachable', /^Check mes\.url, mes\.pr/],
    ],
  ] as const)('advises what helps when it %s, and asks no more', async (_what, fault, [code, todo]) => {
    const findings = await check(fault, { lists: false });
    expect(findings).toMatchObject([{ code, level: 'error', where: 'mes api-cells' }]);
    expect(findings[0]?.todo).toMatch(todo);
  });

  it.each(['The MES asked for silence until T.', 'The day budget of 9 requests is used up until T.'])(
    'advises more requests a day only where these are used up: %s',
    async (text) => {
      const [finding] = await check(new WaitError(text, { until: 'T', retryAfterMs: 1 }), { lists: false });
      expect(finding).toMatchObject({ code: 'mes-waits', text });
      expect(finding?.todo).toMatch(/Check again then; where the day budget is used up, mes\.rate\.requestsPerDay/);
    },
  );
});

describe('a check that somebody ends', () => {
  it.each([true, false])('says nothing of the MES (lists answer: %s)', async (lists) => {
    await expect(check(new Error('Stopped by SIGTERM.'), { lists })).rejects.toThrow('Stopped by SIGTERM.');
  });
});

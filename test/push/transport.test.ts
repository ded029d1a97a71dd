import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError, WaitError } from '../../src/core/errors.ts';
import { createEventBus } from '../../src/core/events.ts';
import type { HttpClient, HttpRequest, HttpResponse } from '../../src/core/http.ts';
import type { QuotaState } from '../../src/push/day-plan.ts';
import { createDayQuota } from '../../src/push/day-quota.ts';
import { createAnswerRules } from '../../src/push/eryxon/answers.ts';
import { createOutage } from '../../src/push/outage.ts';
import { createTransport } from '../../src/push/transport.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { createMemoryQuota } from '../support/memory-quota.ts';

const post: HttpRequest = { method: 'POST', path: '/api-jobs/bulk-sync', body: '{}' };
const start = new Date('2026-03-01T08:00:00.000Z');
const dayMs = 86_400_000;

type Scripted = HttpResponse | Error;

function answer(status: number, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, text: '{"success":false,"error":{"code":"X","message":"text"}}' };
}

/** A transport to an MES that answers from a list, the last entry for ever. */
function setUp(script: readonly Scripted[], { limit, asked }: { limit?: number; asked?: QuotaState } = {}) {
  const clock = createFakeClock(start);
  const store = createMemoryQuota(asked);
  const order: string[] = [];
  const sentAtMs: number[] = [];
  const http: HttpClient = {
    async request() {
      sentAtMs.push(clock.monotonicMs());
      order.push('request');
      const next = script[Math.min(sentAtMs.length, script.length) - 1];
      if (next === undefined || next instanceof Error) throw next ?? new Error('no answer scripted');
      return next;
    },
    close: () => undefined,
  };
  const quota = createDayQuota(limit, store, clock);
  const bucket = {
    async take(signal: AbortSignal) {
      signal.throwIfAborted();
      order.push('bucket');
    },
  };
  const outage = createOutage(clock, () => 0.5);
  const answers = createAnswerRules(clock);
  const events = createEventBus(() => undefined);
  const open = (signal = new AbortController().signal) =>
    createTransport({ http, bucket, quota, answers, clock, events, random: () => 0.5, attempts: 5, outage }, signal);
  return { clock, quota, outage, open, order, sentAtMs, state: () => store.state };
}

/** Settles a request while the time passes that it needs. */
async function settle<T>(clock: { advance(ms: number): Promise<void> }, request: Promise<T>) {
  return settleAt(clock, request, 600_000);
}

async function settleAt<T>(clock: { advance(ms: number): Promise<void> }, request: Promise<T>, ms: number) {
  const settled = request.then(
    (value) => ({ value, error: undefined }),
    (error: unknown) => ({ value: undefined, error }),
  );
  await clock.advance(ms);
  return settled;
}

describe('the way to the MES', () => {
  it('asks the token bucket and the day budget before each attempt', async () => {
    const { clock, open, order, state } = setUp([answer(503), answer(503), answer(200)], { limit: 10 });
    const transport = open();
    const { value } = await settle(clock, transport.request(post));
    expect(value?.status).toBe(200);
    expect(order).toEqual(['bucket', 'request', 'bucket', 'request', 'bucket', 'request']);
    expect(transport.requests()).toBe(3);
    expect(state().used).toBe(3);
  });

  it('counts attempts that got no answer, for the MES may have', async () => {
    const { clock, open, state } = setUp([new TransientError('reset')], { limit: 10 });
    const transport = open();
    const { error } = await settle(clock, transport.request(post));
    expect(error).toBeInstanceOf(TransientError);
    expect(transport.requests()).toBe(5);
    expect(state().used).toBe(5);
  });

  it('counts for each push by itself and books for all', async () => {
    const { clock, open, state } = setUp([answer(200)], { limit: 10 });
    const [one, two] = [open(), open()];
    await settle(clock, one.request(post));
    await settle(clock, Promise.all([two.request(post), two.request(post)]));
    expect([one.requests(), two.requests(), state().used]).toEqual([1, 2, 3]);
  });

  it('hands a refusal on to its reader without another attempt', async () => {
    for (const status of [400, 404, 405, 409, 413, 422]) {
      const { clock, open } = setUp([answer(status)]);
      const transport = open();
      expect((await settle(clock, transport.request(post))).value?.status).toBe(status);
      expect(transport.requests()).toBe(1);
    }
  });

  it('sends once where the credentials are refused', async () => {
    const { clock, open } = setUp([answer(401)]);
    const transport = open();
    const { error } = await settle(clock, transport.request(post));
    expect(error).toBeInstanceOf(PermanentError);
    expect((error as PermanentError).credentials).toBe(true);
    expect(transport.requests()).toBe(1);
  });

  it('waits for a short Retry-After and goes on', async () => {
    const { clock, open, sentAtMs } = setUp([answer(429, { 'retry-after': '20' }), answer(200)]);
    await settle(clock, open().request(post));
    expect(sentAtMs[1]).toBeGreaterThanOrEqual(20_000);
    expect(sentAtMs[1]).toBeLessThanOrEqual(22_000);
  });

  it('sends nothing at all until a long Retry-After is over, whoever asks', async () => {
    const { clock, open, sentAtMs } = setUp([answer(429, { 'retry-after': '7200' }), answer(200)]);
    const { error } = await settle(clock, open().request(post));
    expect((error as TransientError).retryAfterMs).toBe(7_200_000);
    const second = await settle(clock, open().request(post));
    expect(second.error).toBeInstanceOf(TransientError);
    expect(sentAtMs).toHaveLength(1);
    await clock.advance(7_200_000);
    expect((await settle(clock, open().request(post))).value?.status).toBe(200);
  });

  it('keeps that silence over a restart', async () => {
    const before = setUp([answer(429, { 'x-ratelimit-reset': '2026-03-02T08:00:00.000Z' })]);
    await settle(before.clock, before.open().request(post));
    expect(before.state().blockedUntil).toBe('2026-03-02T08:00:00.000Z');
    const after = setUp([answer(200)], { asked: before.state() });
    const transport = after.open();
    expect((await settle(after.clock, transport.request(post))).error).toBeInstanceOf(TransientError);
    expect(transport.requests()).toBe(0);
  });

  it('keeps silence for a day at most, also when ten years were asked for', async () => {
    const { clock, open, state } = setUp([answer(429, { 'retry-after': '315360000' })]);
    await settle(clock, open().request(post));
    expect(state().blockedUntil).toBe(new Date(start.getTime() + dayMs).toISOString());
  });

  it('does not take its own used up budget for silence that the MES asked for', async () => {
    const { clock, open, state } = setUp([answer(200)], { limit: 1 });
    await settle(clock, open().request(post));
    for (let each = 0; each < 2; each += 1) {
      const { error } = await settle(clock, open().request(post));
      expect((error as Error).message).toMatch(/^The day budget of 1 requests is used up/);
    }
    expect(state().blockedUntil).toBeNull();
  });

  it('sends again at once when the budget was raised after it had been used up', async () => {
    const before = setUp([answer(200)], { limit: 1 });
    await settle(before.clock, before.open().request(post));
    await settle(before.clock, before.open().request(post));
    const after = setUp([answer(200)], { limit: 10, asked: before.state() });
    expect((await settle(after.clock, after.open().request(post))).value?.status).toBe(200);
  });

  it('stops between two attempts when the signal aborts', async () => {
    const { clock, open, sentAtMs } = setUp([answer(503)]);
    const controller = new AbortController();
    clock.after(100, () => controller.abort(new Error('shutting down')));
    const { error } = await settle(clock, open(controller.signal).request(post));
    expect((error as Error).message).toBe('shutting down');
    expect(sentAtMs).toHaveLength(1);
    expect(clock.pending()).toBe(0);
  });
});

describe('a create whose answer does not come', () => {
  function create() {
    const told: number[] = [];
    const onUnknownOutcome = () => void told.push(1);
    return { told, request: { ...post, path: '/api-operations', onUnknownOutcome } };
  }

  it.each([
    ['the connection breaks after it was sent', new TransientError('reset')],
    ['it does not finish in time', new TransientError('did not finish within 60 s')],
    ['the MES answers 500', answer(500)],
    ['the MES answers 502', answer(502)],
    ['the MES answers 504 and asks to come back', answer(504, { 'retry-after': '5' })],
    ['the MES answers 408', answer(408)],
  ])(
    'is sent again when %s, and whoever sent it is told that an earlier one may have been done',
    async (_when, first) => {
      const { clock, open, sentAtMs } = setUp([first, answer(200)]);
      const { told, request } = create();
      expect((await settle(clock, open().request(request))).value?.status).toBe(200);
      expect(sentAtMs).toHaveLength(2);
      expect(told).toHaveLength(1);
    },
  );

  it.each([
    ['no connection was made', new TransientError('refused', { unsent: true })],
    ['the MES was over its limit', answer(429, { 'retry-after': '5' })],
    ['the plan of the tenant is used up', answer(402)],
  ])('is sent again when %s, and cannot have been carried out', async (_when, first) => {
    const { clock, open, sentAtMs } = setUp([first, answer(200)]);
    const { told, request } = create();
    expect((await settle(clock, open().request(request))).value?.status).toBe(200);
    expect(sentAtMs).toHaveLength(2);
    expect(told).toEqual([]);
  });

  it('cannot have been carried out when everything ends before it is sent', async () => {
    const { clock, open, sentAtMs } = setUp([answer(200)]);
    const { told, request } = create();
    const controller = new AbortController();
    const ended = open(controller.signal).request(request);
    controller.abort(new Error('shutting down'));
    expect((await settle(clock, ended)).error).toMatchObject({ message: 'shutting down' });
    expect([sentAtMs.length, told.length]).toEqual([0, 0]);
  });

  it('because it was too large to be read may have been done: whoever sent it is told, and it is not sent again', async () => {
    const { clock, open, sentAtMs } = setUp([new PermanentError('answered with too much', { tooLarge: true })]);
    const { told, request } = create();
    expect((await settle(clock, open().request(request))).error).toBeInstanceOf(PermanentError);
    expect([sentAtMs.length, told]).toEqual([1, [1]]);
  });

  it('is a refusal like any other when the MES names the fault', async () => {
    const { clock, open } = setUp([answer(422)]);
    const { told, request } = create();
    expect((await settle(clock, open().request(request))).value?.status).toBe(422);
    expect(told).toEqual([]);
  });
});

describe('what a 429 says of when to come back', () => {
  const dayLater = new Date(start.getTime() + dayMs);
  it.each([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['an HTTP date', { 'retry-after': new Date(start.getTime() + 300_000).toUTCString() }, 300_000],
    ['an ISO time', { 'retry-after': new Date(start.getTime() + 300_000).toISOString() }, 300_000],
    ['an ISO reset time', { 'x-ratelimit-reset': new Date(start.getTime() + 7_200_000).toISOString() }, 7_200_000],
    ['a day', { 'retry-after': '86400' }, dayMs],
    ['ten years', { 'retry-after': '315360000' }, dayMs],
    ['a date in ten years', { 'retry-after': 'Sun, 01 Mar 2036 08:00:00 GMT' }, dayMs],
  ])(
    'is kept to when it is %s: nothing leaves before, also after a restart, and nothing waits inside',
    async (_what, headers, waitMs) => {
      const before = setUp([answer(429, headers), answer(200)]);
      const { error } = await settle(before.clock, before.open().request(post));
      expect((error as TransientError).retryAfterMs).toBe(waitMs);
      expect(before.sentAtMs).toHaveLength(1);
      expect(before.clock.pending()).toBe(0);
      expect(Date.parse(before.state().blockedUntil ?? '')).toBe(start.getTime() + waitMs);

      const after = setUp([answer(200)], { asked: before.state() });
      after.clock.jump(waitMs - 40_000);
      expect((await settleAt(after.clock, after.open().request(post), 1)).error).toBeInstanceOf(WaitError);
      expect(after.sentAtMs).toHaveLength(0);
      after.clock.jump(40_000);
      expect((await settle(after.clock, after.open().request(post))).value?.status).toBe(200);
    },
  );

  it.each([
    ['NaN', 'NaN'],
    ['negative', '-5'],
    ['empty', ''],
    ['words', 'soon'],
    ['a date that has passed', new Date(start.getTime() - 3_600_000).toUTCString()],
    ['absent', undefined],
  ])('is not guessed when it is %s: the tries pause for longer each time and then end', async (_what, asked) => {
    const { clock, open, sentAtMs, state } = setUp([answer(429, asked === undefined ? {} : { 'retry-after': asked })]);
    const { error } = await settle(clock, open().request(post));
    expect(error).toBeInstanceOf(TransientError);
    const pauses = sentAtMs.slice(1).map((at, index) => at - (sentAtMs[index] ?? 0));
    expect(pauses).toEqual([500, 1000, 2000, 4000]);
    expect(state().blockedUntil).toBeNull();
  });

  it('is lengthened by a tenth at most when it is slept', async () => {
    for (const seconds of [1, 5, 20, 30]) {
      const { clock, open, sentAtMs } = setUp([answer(429, { 'retry-after': String(seconds) }), answer(200)]);
      await settle(clock, open().request(post));
      expect(sentAtMs[1]).toBeGreaterThanOrEqual(seconds * 1000);
      expect(sentAtMs[1]).toBeLessThanOrEqual(seconds * 1100);
    }
  });

  it('ends our day when the limiter of the day says so', async () => {
    const headers = {
      'retry-after': '7200',
      'x-ratelimit-remaining': '0',
      'x-ratelimit-reset': dayLater.toISOString(),
    };
    const { clock, open, state } = setUp([answer(429, headers)], { limit: 100 });
    await settle(clock, open().request(post));
    expect(state()).toMatchObject({ used: 100, windowStart: '2026-02-28T10:00:00.000Z' });
  });
});

describe('a MES that cannot be reached', () => {
  it('is tried once instead of five times until it answers', async () => {
    const down = new TransientError('refused', { unsent: true });
    const { clock, open, sentAtMs, outage } = setUp([down, down, down, down, down, down, answer(200)]);
    await settle(clock, open().request(post));
    expect(sentAtMs).toHaveLength(5);
    expect(outage.isOpen()).toBe(true);
    await settle(clock, open().request(post));
    expect(sentAtMs).toHaveLength(6);
    await settle(clock, open().request(post));
    expect(outage.isOpen()).toBe(false);
  });
});

import type { Exchange, Handler } from '../../sandbox/http.ts';
import type { Random } from '../../sandbox/random.ts';
import type { Answer } from '../../sandbox/types.ts';
import type { Clock } from '../../src/core/clock.ts';
import { PermanentError, TransientError } from '../../src/core/errors.ts';
import type { HttpClient, HttpOptions, HttpRequest, HttpResponse, OpenHttp } from '../../src/core/http.ts';
import type { CrashPlan } from '../support/faulting.ts';

/** What can become of a request: `lost…` and `timeout…` before or after it took effect, `refused` before it was sent. */
export const fates = [
  'refused',
  'lost request',
  'lost answer',
  'timeout before',
  'timeout after',
  '500 before',
  '502 after',
  '503 before',
  '429',
  'html',
  'empty',
  'truncated',
] as const;
export type Fate = (typeof fates)[number];

/** How a system's network behaves from now on. */
export interface Weather {
  /** Share of the requests that something happens to. */
  share: number;
  fates: readonly Fate[];
  /** Each request takes up to so long. */
  latencyMs: number;
  /** Only requests whose path and body fit; all when absent. */
  only?: RegExp;
}

export const calm: Weather = { share: 0, fates, latencyMs: 0 };

export interface Network {
  openHttp: OpenHttp;
  weather: Record<HttpOptions['system'], Weather>;
  /** Runs before every question to the ERP: its people go on working. */
  between: () => void;
  /** Requests that were sent although the MES had said that its day is used up. */
  untimely: string[];
  /** A crash may have taken what the MES said last, and by another clock it says nothing any more. */
  forgetSilence(): void;
  /** A question to an ERP behind a port, without HTTP. */
  ask<T>(what: string, answer: () => T): Promise<T>;
}

export interface NetworkOptions {
  handlers: Record<HttpOptions['system'], Handler>;
  /** The time that the ERP shows in its answers. */
  erpNow(): Date;
  clock: Clock;
  random: Random;
  /** Every request is a step of it. */
  plan(): CrashPlan;
  trace(line: string): void;
}

/** Brings requests to the handlers of the simulators, without sockets, and lets things happen to them on the way. */
export function createNetwork({ handlers, erpNow, clock, random, plan, trace }: NetworkOptions): Network {
  let silence = { saidMs: 0, untilMs: 0 };
  const network: Network = {
    openHttp,
    ask,
    weather: { erp: calm, mes: calm },
    between: () => undefined,
    untimely: [],
    forgetSilence() {
      silence = { saidMs: 0, untilMs: 0 };
    },
  };

  function openHttp(options: HttpOptions): HttpClient {
    return {
      request: (request, signal) => send(options, request, signal),
      close: () => undefined,
    };
  }

  async function ask<T>(what: string, answer: () => T): Promise<T> {
    const { share, latencyMs } = network.weather.erp;
    const fails = share > 0 && random.chance(share);
    if (latencyMs > 0) await clock.sleep(random.int(0, latencyMs));
    network.between();
    trace(`erp ${what}${fails ? ' fails' : ''}`);
    return plan().step('erp', async () => {
      if (fails) throw new TransientError(`${what}: ECONNRESET.`);
      return answer();
    });
  }

  async function send(options: HttpOptions, request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    signal.throwIfAborted();
    const { system } = options;
    const { share, fates: possible, latencyMs, only = /./ } = network.weather[system];
    const fate =
      share > 0 && only.test(`${request.path} ${request.body ?? ''}`) && random.chance(share)
        ? random.pick(possible)
        : undefined;
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    const leftMs = clock.now().getTime();
    if (latencyMs > 0) await clock.sleep(random.int(0, latencyMs), signal);
    if (system === 'erp') network.between();
    // What left before the answer came was on its way already.
    const silent = leftMs > silence.saidMs && clock.now().getTime() < silence.untilMs;
    if (system === 'mes' && silent) network.untimely.push(`${what} at ${clock.now().toISOString()}`);
    let status = 0;
    try {
      const answer = await plan().step(system, () => meet(fate, { options, request, signal }));
      status = answer.status;
      const pauseMs = status === 429 ? Number(answer.headers['retry-after']) * 1000 : 0;
      const saidMs = clock.now().getTime();
      if (pauseMs > longPauseMs) silence = { saidMs, untilMs: saidMs + Math.min(pauseMs, dayMs) };
      return answer;
    } finally {
      trace(`${system} ${what} ${request.body?.length ?? 0} ${fate ?? ''} ${status}`);
      options.events.emit('request:done', { system, name: options.name, status, durationMs: 0 });
    }
  }

  async function meet(fate: Fate | undefined, sending: Sending): Promise<HttpResponse> {
    const { options } = sending;
    const error = (text: string, unsent = false) => new TransientError(`${options.name}: ${text}.`, { unsent });
    if (fate === 'refused') throw error('ECONNREFUSED', true);
    if (fate === 'lost request') throw error('ECONNRESET');
    if (fate === 'timeout before') await clock.sleep(options.deadlineMs, sending.signal);
    if (fate === 'timeout before') throw error('did not finish in time');
    const instead = fate === undefined ? undefined : insteadOf[fate];
    if (instead !== undefined) return respond(instead, sending);
    const answer = await handlers[options.system](exchangeOf(sending));
    if (fate === 'lost answer') throw error('ECONNRESET');
    if (fate === 'timeout after') await clock.sleep(options.deadlineMs, sending.signal);
    if (fate === 'timeout after') throw error('did not finish in time');
    if (fate === '502 after') return respond(badGateway, sending);
    if (fate === 'empty') return respond({ status: 200, body: '' }, sending);
    if (fate === 'truncated')
      return respond({ ...answer, body: answer.body.slice(0, answer.body.length / 2) }, sending);
    return respond(answer, sending);
  }

  function respond(answer: Answer, { options }: Sending): HttpResponse {
    if (answer.status >= 300 && answer.status < 400) throw new PermanentError('A simulator never redirects.');
    const date = options.system === 'erp' ? erpNow().toUTCString() : clock.now().toUTCString();
    return { status: answer.status, headers: { date, ...answer.headers }, text: answer.body };
  }

  return network;
}

/** What makes the MES wait for longer is its day. */
const longPauseMs = 60_000;
const dayMs = 86_400_000;

interface Sending {
  options: HttpOptions;
  request: HttpRequest;
  signal: AbortSignal;
}

const badGateway: Answer = { status: 502, body: '<html><body><h1>502 Bad Gateway</h1></body></html>' };

/** Answers that come from a machine before the system: it never hears of the request. */
const insteadOf: Partial<Record<Fate, Answer>> = {
  '500 before': { status: 500, body: '{"message":"An unexpected error occurred"}' },
  '503 before': { status: 503, body: '{"message":"name resolution failed"}' },
  '429': { status: 429, headers: { 'retry-after': '1' }, body: '{"message":"API rate limit exceeded"}' },
  html: {
    status: 200,
    headers: { 'content-type': 'text/html' },
    body: '<!DOCTYPE html><html><head><title>Logon</title></head><body></body></html>',
  },
};

function exchangeOf({ options, request }: Sending): Exchange {
  const mark = request.path.indexOf('?');
  const headers: Record<string, string> = { host: new URL(options.origin).host };
  for (const [name, value] of Object.entries({ ...options.headers, ...request.headers })) {
    headers[name.toLowerCase()] = value;
  }
  return {
    method: request.method,
    path: decodeURIComponent(mark < 0 ? request.path : request.path.slice(0, mark)),
    query: mark < 0 ? '' : request.path.slice(mark + 1),
    headers,
    body: request.body ?? '',
  };
}

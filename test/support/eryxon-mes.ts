import { onTestFinished } from 'vitest';
import { type EryxonOptions, type EryxonSimulator, startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createEventBus } from '../../src/core/events.ts';
import { createHttpClient, type HttpRequest, type HttpResponse } from '../../src/core/http.ts';
import type { Capabilities } from '../../src/push/eryxon/ability.ts';
import { refuseTransient } from '../../src/push/eryxon/answers.ts';
import { perEntity } from '../../src/push/eryxon/capabilities.ts';
import { createEryxonSink, type EryxonSink } from '../../src/push/eryxon/index.ts';
import { forgetfulNotes, type Notes } from '../../src/push/eryxon/notes.ts';
import { createPusher, type Pusher } from '../../src/push/pusher.ts';
import type { Batch, ReadyChange, Transport } from '../../src/push/sink.ts';

/** An answer as it was recorded; the body as text or as an object. */
export function answered(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponse {
  return { status, headers, text: typeof body === 'string' ? body : JSON.stringify(body) };
}

/** A transport that answers from a list and keeps the requests. */
export function scripted(...answers: HttpResponse[]): Transport & { requests: HttpRequest[] } {
  const left = [...answers];
  const requests: HttpRequest[] = [];
  return {
    requests,
    async request(request) {
      requests.push(request);
      const answer = left.shift();
      if (answer === undefined) throw new Error(`No answer is scripted for ${request.method} ${request.path}.`);
      refuseTransient(answer, new Date('2026-03-01T08:00:00Z'));
      return answer;
    },
  };
}

/** What a sink is given that knows its MES already: the documented generation, with or without bulk-sync. */
export function classicMes(style: 'bulk' | 'put' = 'bulk', url = 'https://mes.example/functions/v1'): { notes: Notes } {
  const ability = () => ({ classic: style, put: false, erpSync: 'no' as const, post: false, lists: null, faults: [] });
  const known: Capabilities = {
    url,
    at: new Date().toISOString(),
    generation: 'classic',
    entities: perEntity(ability),
    lacking: [],
  };
  const notes = forgetfulNotes();
  void notes.writeNote('mes capabilities', known);
  return { notes };
}

export function batchOf(...changes: readonly [ReadyChange, ...ReadyChange[]]): Batch {
  return { entity: changes[0].record.entity, changes };
}

export interface RunningMes {
  mes: EryxonSimulator;
  sink: EryxonSink;
  pusher: Pusher;
  transport: Transport;
  /** Why orders go to it record by record for a while. */
  rests: { until: string; reason: string }[];
}

/** The simulated MES with a sink and a pusher before it; requests go out at once and once. */
export async function startMes(
  options: Partial<EryxonOptions> & { key?: string; batchSize?: number } = {},
): Promise<RunningMes> {
  const { key, batchSize = 100, ...rest } = options;
  const mes = await startEryxon({ seed: 7, ...rest });
  const client = createHttpClient({
    origin: mes.url,
    system: 'mes',
    name: 'mes',
    headers: { Authorization: `Bearer ${key ?? mes.apiKey}` },
    deadlineMs: 5000,
    maxBytes: 64 * 1_048_576,
    clock: systemClock,
    events: createEventBus(() => undefined),
  });
  onTestFinished(async () => {
    client.close();
    await mes.stop();
  });
  const now = options.now ?? (() => new Date());
  const open = (signal: AbortSignal) => {
    let sent = 0;
    return {
      requests: () => sent,
      async request(request: HttpRequest) {
        sent += 1;
        const answer = await client.request(request, signal);
        refuseTransient(answer, now());
        return answer;
      },
    };
  };
  const known =
    (options.generation ?? 'classic') === 'classic' && options.bulk !== false
      ? classicMes('bulk', `${mes.url}/functions/v1`)
      : {};
  const rests: RunningMes['rests'] = [];
  const sink = createEryxonSink(`${mes.url}/functions/v1/`, { ...known, onNestingRest: (rest) => rests.push(rest) });
  const pusher = createPusher({ sink, openTransport: open, batchSize, maxConcurrency: 2 });
  return { mes, sink, pusher, transport: open(new AbortController().signal), rests };
}

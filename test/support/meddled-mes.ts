import { onTestFinished } from 'vitest';
import type { Generation } from '../../sandbox/eryxon/generation.ts';
import { type EryxonSimulator, startEryxon } from '../../sandbox/eryxon/simulator.ts';
import { type Table, tables } from '../../sandbox/types.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createEventBus } from '../../src/core/events.ts';
import { createHttpClient, type HttpClient, type HttpRequest, type HttpResponse } from '../../src/core/http.ts';
import type { Change, Entity, LedgerEntry, MesRecord, Outcome } from '../../src/core/types.ts';
import { createAnswerRules } from '../../src/push/eryxon/answers.ts';
import { createEryxonSink } from '../../src/push/eryxon/index.ts';
import { createPusher } from '../../src/push/pusher.ts';
import { createTransport } from '../../src/push/transport.ts';
import { change, entry, record } from './push-builders.ts';

/** What becomes of one request to the MES; `pass` lets it through. */
export type Meddling = (request: HttpRequest, pass: () => Promise<HttpResponse>) => Promise<HttpResponse>;

/** A simulated MES behind a network that meddles with single requests, with the real sink, transport and pusher before it. */
export interface MeddledMes {
  mes: EryxonSimulator;
  /** Meddles with the n-th request from now on, counted from 1; none when undefined. */
  meddle(at: number | undefined, how?: Meddling): void;
  /** Requests since the last call of `meddle`. */
  requests(): number;
  /** Pushes changes over what the ledger knows, and notes what became of them there. */
  push(records: readonly MesRecord[]): Promise<readonly Outcome[]>;
}

/** One record of each entity, tied. */
export const world: readonly MesRecord[] = [
  record('cell', 'c'),
  record('resource', 'r'),
  record('job', 'j'),
  record('part', 'p', { parents: { job: 'j' } }),
  record('operation', 'o', { parents: { part: 'p', cell: 'c' } }),
];

export async function startMeddledMes(generation: Generation): Promise<MeddledMes> {
  const mes = await startEryxon({ seed: 7, generation });
  const events = createEventBus(() => undefined);
  const client = createHttpClient({
    origin: mes.url,
    system: 'mes',
    name: 'mes',
    headers: { Authorization: `Bearer ${mes.apiKey}` },
    deadlineMs: 5000,
    maxBytes: 1_048_576,
    clock: systemClock,
    events,
  });
  onTestFinished(async () => {
    client.close();
    await mes.stop();
  });
  let count = 0;
  let chosen: { at: number; how: Meddling } | undefined;
  const http: HttpClient = {
    close: client.close,
    async request(request, signal) {
      count += 1;
      const pass = () => client.request(request, signal);
      return count === chosen?.at ? chosen.how(request, pass) : pass();
    },
  };
  const clock = { ...systemClock, sleep: async () => undefined };
  const bucket = { take: async () => undefined };
  const quota = { take: async () => undefined, giveBack: async () => undefined, block: async () => undefined };
  const answers = createAnswerRules(clock);
  const shared = { http, bucket, quota, answers, clock, events, random: () => 0.5, attempts: 5 };
  const pusher = createPusher({
    sink: createEryxonSink(`${mes.url}/functions/v1`),
    openTransport: (signal) => createTransport(shared, signal),
    batchSize: 100,
    maxConcurrency: 1,
  });
  const known = new Map<string, LedgerEntry>();
  const lookup = async (entity: Entity, ids: readonly string[]) =>
    new Map(
      ids.flatMap((id) => (known.has(`${entity}/${id}`) ? [[id, known.get(`${entity}/${id}`) as LedgerEntry]] : [])),
    );
  return {
    mes,
    meddle(at, how) {
      count = 0;
      chosen = at === undefined || how === undefined ? undefined : { at, how };
    },
    requests: () => count,
    async push(records) {
      const changes = records.map((each): Change => change(each, known.get(`${each.entity}/${each.externalId}`)));
      const { outcomes } = await pusher.push(changes, { lookup }, new AbortController().signal);
      for (const outcome of outcomes)
        if (outcome.kind === 'delivered') known.set(nameOf(outcome.change.record), entryOf(outcome));
      return outcomes;
    },
  };
}

function nameOf({ entity, externalId }: MesRecord): string {
  return `${entity}/${externalId}`;
}

function entryOf({ change: { record: of, hash }, mesId }: Outcome & { kind: 'delivered' }): LedgerEntry {
  const { name, job_number, part_number } = of.fields as Record<string, string | undefined>;
  return entry({ hash, mesId, businessKey: name ?? job_number ?? part_number ?? null, lifecycle: of.lifecycle });
}

export const tableOf = (entity: Entity): Table => `${entity}s` as Table;

/** How many live rows the MES has, by table. */
export const rowsOf = (mes: EryxonSimulator): number[] => tables.map((table) => mes.counts()[table]);

import { TransientError } from '../core/errors.ts';
import { createEventBus, type StreamResult } from '../core/events.ts';
import { createHttpClient, type OpenHttp } from '../core/http.ts';
import type { Change, Entity, FieldValue, MesRecord, Outcome } from '../core/types.ts';
import type { Guess } from '../push/eryxon/estimate.ts';
import { createRehearsal } from '../push/rehearsal.ts';
import { changedFields } from '../state/field-marks.ts';
import { openScratchStore, type PreviousRecord, type ScratchStore } from '../state/scratch-store.ts';
import type { PageCommit, Store } from '../state/store.ts';
import { type AppOptions, openApp, type SyncRequest } from './app.ts';
import type { BlockedKind } from './blocked-kinds.ts';
import { blockedFor } from './by-hand.ts';

/** One record that the next pass sends. `mark` holds a record that is gone in the ERP in the MES, `delete` deletes it there. */
export interface PlannedChange {
  entity: Entity;
  externalId: string;
  action: 'create' | 'update' | 'mark' | 'delete';
  /** What differs, for an update: `from` only where the old value is still known; absent where not even the names are. */
  fields?: Record<string, { from?: FieldValue; to: FieldValue }>;
}

/** What the next pass of a stream does, as far as the MES takes everything. */
export interface StreamPlan {
  connector: string;
  stream: string;
  create: number;
  update: number;
  mark: number;
  delete: number;
  /** Records of the window that the MES holds already as they are. */
  leave: number;
  refused: number;
  parked: number;
  /** Requests to the MES. */
  requests: number;
  changes: PlannedChange[];
  outcome: StreamResult['outcome'];
  /** Why the pass would fail. */
  error?: string;
}

export interface Plan {
  streams: StreamPlan[];
  /** Requests left of the MES's day budget; null without one. The limits themselves are not part of the plan. */
  budgetLeft: number | null;
  /** What waits for the MES, as far as is known. */
  closed: BlockedKind[];
  /** Why the numbers of requests are a guess: what only the MES itself can tell, and a plan asks it nothing. Empty when they are none. */
  guesses: Guess[];
}

/**
 * What `sync` would do now: its very passes, over a state that is forgotten and a MES that only counts. Reads the ERPs, writes
 * nothing anywhere, and asks the MES nothing.
 */
export async function planPasses(options: AppOptions, request: SyncRequest, signal: AbortSignal): Promise<Plan> {
  const { config, clock } = options;
  const store = await openScratchStore({ directory: config.state.directory, clock });
  const planned = collectChanges(store);
  const app = await openApp({
    ...options,
    // Of its own: what is only planned must not be logged or counted as done.
    events: createEventBus(() => undefined),
    openStore: async () => planned.store,
    openHttp: withoutMes(options.openHttp ?? createHttpClient),
    rehearse: createRehearsal,
  });
  try {
    await app.prepare(signal);
    const results = await app.sync(request, (_name, task) => task(signal));
    const streams = results.map((result) => describe(result, planned.changes));
    const marks = streams.some(({ mark }) => mark > 0);
    const closed = await blockedFor(app, request.selection);
    const guesses = (await app.sink.guesses()).filter(({ code }) => code !== 'status-in-bulk' || marks);
    return {
      streams,
      guesses: closed.length > 0 ? [...guesses, closedGuess] : guesses,
      closed,
      budgetLeft: (await app.quota.report()).budgetLeft,
    };
  } finally {
    await app.close();
  }
}

const closedGuess: Guess = {
  code: 'mes-closed',
  text:
    'Some kind of record waits for the MES, as far as is known: a sync finds out first whether it takes them now, in a dozen requests at ' +
    'most. If so, they are sent too.',
};

/** Whatever asks the MES something gets no answer: a plan costs none of its requests. */
function withoutMes(openHttp: OpenHttp): OpenHttp {
  return (settings) => {
    if (settings.system !== 'mes') return openHttp(settings);
    const refuse = () => Promise.reject(new TransientError('A plan asks the MES nothing.'));
    return { request: refuse, close: () => undefined };
  };
}

interface Collected {
  /** The store that takes note. */
  store: Store;
  /** By stream id, in the order of sending. */
  changes: ReadonlyMap<string, PlannedChange[]>;
}

/** Notes what is delivered where it is committed: whatever the way there, nothing else counts as sent. */
export function collectChanges(store: ScratchStore): Collected {
  const changes = new Map<string, PlannedChange[]>();
  return {
    changes,
    store: {
      ...store,
      async commit(page) {
        const known = changes.get(page.stream) ?? [];
        changes.set(page.stream, known);
        known.push(...plannedChanges(page, store));
        return store.commit(page);
      },
    },
  };
}

function plannedChanges({ outcomes, source, removed }: PageCommit, store: ScratchStore): PlannedChange[] {
  const delivered = outcomes.filter((outcome) => outcome.kind === 'delivered');
  const planned = removed.map(({ entity, externalId }): PlannedChange => ({ entity, externalId, action: 'delete' }));
  for (const [entity, group] of Map.groupBy(delivered, ({ change }) => change.record.entity)) {
    const updated = group.filter((outcome) => actionOf(outcome) !== 'create');
    const ids = updated.map(({ change }) => change.record.externalId);
    const previous = ids.length === 0 ? new Map<string, PreviousRecord>() : store.previous(source, entity, ids);
    for (const outcome of group) {
      const { externalId } = outcome.change.record;
      const action = actionOf(outcome);
      const before = action === 'create' ? undefined : previous.get(externalId);
      const fields = before === undefined ? undefined : differences(outcome.change.record, before);
      planned.push({ entity, externalId, action, ...(fields === undefined ? {} : { fields }) });
    }
  }
  return planned;
}

/** As the passes count it. */
function actionOf({ change, action }: Extract<Outcome, { kind: 'delivered' }>): PlannedChange['action'] {
  if (marks(change)) return 'mark';
  return action === 'created' ? 'create' : 'update';
}

function marks({ record, known }: Change): boolean {
  return record.lifecycle === 'cancelled' && known?.hash != null && known.lifecycle !== 'cancelled';
}

/** Undefined where it is not known what the MES holds. */
function differences(record: MesRecord, before: PreviousRecord): PlannedChange['fields'] {
  const differ: NonNullable<PlannedChange['fields']> = {};
  if (before.lifecycle !== record.lifecycle) differ['lifecycle'] = { from: before.lifecycle, to: record.lifecycle };
  const now: Record<string, FieldValue> = { ...record.fields, ...record.parents };
  if (before.record !== null) {
    const was: Record<string, FieldValue> = { ...before.record.fields, ...before.record.parents };
    for (const name of new Set([...Object.keys(was), ...Object.keys(now)])) {
      const [from = null, to = null] = [was[name], now[name]];
      if (from !== to) differ[name] = { from, to };
    }
    return differ;
  }
  if (before.marks === null) return Object.keys(differ).length > 0 ? differ : undefined;
  for (const name of changedFields(record, before.marks)) differ[name] = { to: now[name] ?? null };
  return differ;
}

function describe(result: StreamResult, changes: ReadonlyMap<string, PlannedChange[]>): StreamPlan {
  const { connector, stream, outcome, error } = result;
  const own = changes.get(`${connector}/${stream}`) ?? [];
  const deletes = own.filter(({ action }) => action === 'delete').length;
  return {
    connector,
    stream,
    create: result.created,
    update: result.updated,
    mark: result.deleted - deletes,
    delete: deletes,
    leave: result.unchanged,
    refused: result.refused,
    parked: result.parked,
    requests: result.requests.mes,
    changes: own,
    outcome,
    ...(error === undefined ? {} : { error }),
  };
}

import type { Clock } from '../../core/clock.ts';
import type { Entity } from '../../core/types.ts';
import type { ReadyChange } from '../sink.ts';
import type { ProofCost } from './ability.ts';
import { canLeaveOut } from './columns.ts';
import type { Notes } from './notes.ts';
import { createOwners, type Owners } from './owners.ts';
import { createPlanLimit, type PlanLimit } from './plan-limit.ts';
import { createPostedLog, type PostedLog } from './posted.ts';

export interface SessionOptions {
  notes: Notes;
  clock: Clock;
  /** Share of updates that are read back where the answer proves nothing, 0 to 1. */
  sampleUpdates: number;
  /** A field is not delivered, because this MES has no column for it. */
  onLeftOut?(left: { entity: Entity; field: string }): void;
  /** The tenant's plan has no room for new records of a kind. */
  onFull?(full: { entity: Entity; reason: string }): void;
  /** Jobs go without their children for a while, `until` in ISO-8601. */
  onNestingRest?(rest: { until: string; reason: string }): void;
}

/** Rows of an entity that bulk-syncs create. */
export interface NewRows {
  /** So far. */
  sent: number;
  /** Of these, how many are not proved yet. */
  underWay: number;
}

/** What deliveries to one MES remember between them. */
export interface Session {
  /** Columns that this installation lacks though the documentation or the code names them. */
  lacking(entity: Entity): ReadonlySet<string>;
  /** From now on the column is left out; false when no record can do without it. */
  learnLacking(entity: Entity, column: string): boolean;
  /** A field of the mapping has no column in this MES: told once. */
  leaveOut(entity: Entity, field: string): void;
  /** MES ids that had to be looked up, by `<entity>/<businessKey>`. */
  ids: Map<string, string>;
  /** Highest sequence of a cell, once it is asked for: batches side by side take places of one line. */
  lastCell: Promise<{ sequence: number }> | undefined;
  posted: PostedLog;
  newRows(entity: Entity): NewRows;
  owners: Owners;
  planLimit: PlanLimit;
  /** Until when jobs are not sent together with their children, because that went wrong; Unix time in milliseconds. */
  nestingRest: { get(): Promise<number>; until(ms: number, reason: string): Promise<void> };
  /** Whether the classic bulk-sync loses changes of status, so that they go by PUT; undefined while nobody has looked. */
  statusByPut: { get(): Promise<boolean | undefined>; set(value: boolean): Promise<void> };
  /** What it costs to prove a bulk-sync; everything is read back when an answer of the last day said stored what was not. */
  proofCost(entity: Entity): Promise<ProofCost>;
  /** How many pages the list had that was read: of all that is on hold, or of all resources. */
  sawList(entity: Entity, pages: number): Promise<void>;
  distrust(): Promise<void>;
  /** Some of these, by the share that is read back. */
  sample<T>(items: readonly T[], changeOf: (item: T) => Pick<ReadyChange, 'hash'>): T[];
}

const dayMs = 86_400_000;
const distrustName = 'mes distrusted until';
const restName = 'mes nothing nested until';
const statusName = 'mes status by put';
const listName = (entity: Entity) => `mes list pages ${entity}`;

export function createSession(options: SessionOptions): Session {
  const { notes, clock, sampleUpdates, onLeftOut, onFull } = options;
  const left = new Set<string>();
  let until: number | undefined;
  const lackingOf = ofEach(() => new Set<string>());
  return {
    lacking: lackingOf,
    learnLacking(entity, column) {
      const dispensable = canLeaveOut(entity, column);
      if (dispensable) lackingOf(entity).add(column);
      return dispensable;
    },
    leaveOut(entity, field) {
      if (left.has(`${entity}.${field}`)) return;
      left.add(`${entity}.${field}`);
      onLeftOut?.({ entity, field });
    },
    ids: new Map(),
    lastCell: undefined,
    posted: createPostedLog(notes),
    owners: createOwners(),
    newRows: ofEach((): NewRows => ({ sent: 0, underWay: 0 })),
    planLimit: createPlanLimit(clock, (full) => onFull?.(full)),
    nestingRest: nestingRest(options),
    statusByPut: {
      get: async () => (await notes.readNote(statusName)) as boolean | undefined,
      set: (value) => notes.writeNote(statusName, value),
    },
    async proofCost(entity) {
      const kept = until ?? (Date.parse(String(await notes.readNote(distrustName))) || 0);
      until ??= kept;
      const pages = await notes.readNote(listName(entity));
      return { distrusted: until > clock.now().getTime(), listPages: Number(pages ?? 1) };
    },
    async sawList(entity, pages) {
      if ((await notes.readNote(listName(entity))) !== pages) await notes.writeNote(listName(entity), pages);
    },
    async distrust() {
      const end = clock.now().getTime() + dayMs;
      until = end;
      await notes.writeNote(distrustName, new Date(end).toISOString());
    },
    sample(items, changeOf) {
      if (sampleUpdates <= 0) return [];
      return items.filter((item, index) => index === 0 || shareOf(changeOf(item).hash) < sampleUpdates);
    },
  };
}

/** One value an entity, made when it is asked for first. */
function ofEach<Value>(make: () => Value): (entity: Entity) => Value {
  const values = new Map<Entity, Value>();
  return (entity) => {
    const value = values.get(entity) ?? make();
    values.set(entity, value);
    return value;
  };
}

function nestingRest({ notes, clock, onNestingRest }: SessionOptions): Session['nestingRest'] {
  let latestMs: number | undefined;
  return {
    get: async () => latestMs ?? (Date.parse(String(await notes.readNote(restName))) || 0),
    async until(ms, reason) {
      const until = new Date(ms).toISOString();
      // What was on its way meanwhile may find the same.
      const isNews = latestMs === undefined || latestMs <= clock.now().getTime();
      latestMs = ms;
      if (isNews) onNestingRest?.({ until, reason });
      await notes.writeNote(restName, until);
    },
  };
}

/** By content, 0 to 1: chance enough, and a plan picks the same ones as the pass after it. */
function shareOf(hash: string): number {
  let value = 0;
  for (const character of hash.slice(-6)) value = (value * 31 + character.charCodeAt(0)) % 1009;
  return value / 1009;
}

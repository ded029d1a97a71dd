import { messageOf, TransientError } from '../../core/errors.ts';
import {
  type Batch,
  BatchInterruptedError,
  BatchRefusedError,
  type ReadyChange,
  type SinkResult,
  type Transport,
} from '../sink.ts';
import type { Capabilities } from './ability.ts';
import { classicBulk, classicPut } from './classic.ts';
import type { Discovery } from './discovery.ts';
import { erpSync } from './erp-sync.ts';
import { genericBulk } from './generic-bulk.ts';
import { genericPut } from './generic-put.ts';
import { postPatch } from './post-patch.ts';
import type { Call, Report, Way } from './request.ts';
import { createResults } from './results.ts';
import type { Session } from './session.ts';
import { unstorable } from './unstorable.ts';
import { SchemaError } from './verdict.ts';
import { planWays, type WayName } from './ways.ts';

const ways: Readonly<Record<WayName, Way>> = {
  'classic-bulk': classicBulk,
  'classic-put': classicPut,
  'erp-sync': erpSync,
  'generic-bulk': genericBulk,
  'generic-put': genericPut,
  'post-patch': postPatch,
};

/**
 * Records a request at the most. A generic bulk-sync takes two round trips of its database a record and is killed when it takes
 * long; the released classic one takes no more cells.
 */
export function largest(way: WayName, entity: Batch['entity']): number {
  if (way === 'classic-bulk') return entity === 'cell' ? 100 : 1000;
  return way === 'generic-bulk' ? 100 : Number.POSITIVE_INFINITY;
}

/** The most that any way there takes at a time, so that what a request each would carry goes side by side. */
export async function largestBatch(discovery: Discovery, entity: Batch['entity']): Promise<number> {
  const known = await discovery.known();
  if (known === undefined) return Number.POSITIVE_INFINITY;
  return largest(known.generation === 'classic' ? 'classic-bulk' : 'generic-bulk', entity);
}

export interface Delivering {
  base: string;
  discovery: Discovery;
  session: Session;
}

/** Delivers a batch by the ways that work for its entity. Throws BatchInterruptedError with what is known when it stops on the way. */
export async function deliverBatch(on: Delivering, batch: Batch, transport: Transport): Promise<SinkResult[]> {
  const { report, count, open, inOrder } = createResults(batch.changes);
  for (const change of batch.changes) {
    const reason = unstorable(change);
    if (reason !== undefined) report(change, { kind: 'refused', reason });
  }
  const refusedHere = count();
  if (refusedHere === batch.changes.length) return inOrder();
  const job: Job = { batch, transport, report };
  const before = await on.discovery.known();
  const once = () => deliverOpen(on, { ...job, batch: { ...batch, changes: open() } });
  try {
    await once()
      .catch(
        ofSchema(async (error) => {
          if (!(await isKnownAnew(on, { before, error, entity: batch.entity }, transport))) throw error;
          await once();
        }),
      )
      .catch(
        ofSchema(async (error) => {
          if (await noLookShows(on, error)) await on.discovery.noteNoWay(batch.entity, messageOf(error));
          setAside(job, open(), error);
        }),
      );
  } catch (error) {
    // What was refused here is found again without a request, so that the whole batch counts as refused.
    if (count() === (error instanceof BatchRefusedError ? refusedHere : 0)) throw error;
    throw new BatchInterruptedError(inOrder(), error);
  }
  return inOrder();
}

interface Met {
  before: Capabilities | undefined;
  error: SchemaError;
  entity: Batch['entity'];
}

/** Found out for another batch while this one was under way, or now. */
async function isKnownAnew({ discovery }: Delivering, met: Met, transport: Transport): Promise<boolean> {
  const { before, error, entity } = met;
  const now = await discovery.known();
  if (before !== undefined && now !== undefined && now.at !== before.at) return true;
  return discovery.renew(transport, error.notStarting ? entity : undefined);
}

/** A column that no record can do without; a function of the documented generation, of which a look asks but one. */
async function noLookShows({ discovery }: Delivering, { column, notStarting }: SchemaError): Promise<boolean> {
  return column !== undefined || (notStarting && (await discovery.known())?.generation === 'classic');
}

/** Deals with an error of the schema; every other goes on. */
function ofSchema(handle: (error: SchemaError) => Promise<void>): (error: unknown) => Promise<void> {
  return async (error) => {
    if (!(error instanceof SchemaError)) throw error;
    await handle(error);
  };
}

/** One kind of record that this MES does not take keeps no other from its way. */
function setAside({ batch, report }: Job, changes: readonly ReadyChange[], error: SchemaError): void {
  const reason = `The MES takes no ${batch.entity} now: ${messageOf(error)}`;
  for (const change of changes) report(change, { kind: 'unavailable', reason });
}

interface Job {
  batch: Batch;
  transport: Transport;
  report: Report;
}

async function deliverOpen({ base, discovery, session }: Delivering, { batch, transport, report }: Job): Promise<void> {
  const capabilities = await discovery.current(transport);
  const { entity } = batch;
  const ability = capabilities.entities[entity];
  learn(session, capabilities);
  const call: Call = { base, entity, transport, session, ability };
  const plan = planWays(ability, batch, await session.proofCost(entity));
  for (const [way, changes] of plan) {
    if (way === undefined) refuseAll(call, changes, report);
    else
      await inChunks(call, {
        way,
        changes,
        report: capabilities.generation === 'classic' ? report : noting(session, report),
      });
  }
}

/** Takes note of whose each row is. */
function noting({ owners }: Session, report: Report): Report {
  return (change, result) => {
    if (result.kind === 'delivered' && result.mesId !== null) owners.note(change.record, result.mesId);
    report(change, result);
  };
}

export function learn(session: Session, { lacking }: Capabilities): void {
  for (const { entity, column } of lacking) session.learnLacking(entity, column);
}

function refuseAll({ entity, ability }: Call, changes: readonly ReadyChange[], report: Report): void {
  // Nobody knows whether it takes none: that is a fault that passes.
  if (ability.unknown !== undefined) throw new TransientError(ability.unknown, { malformed: true });
  const reason = `The MES takes no ${entity} in any way: ${ability.faults.join('; ')}`;
  for (const change of changes) report(change, { kind: 'unavailable', reason });
}

interface Chunks {
  way: WayName;
  changes: readonly ReadyChange[];
  report: Report;
}

async function inChunks(call: Call, { way, changes, report }: Chunks): Promise<void> {
  const size = Math.min(largest(way, call.entity), changes.length);
  for (let start = 0; start < changes.length; start += size) {
    await ways[way](call, changes.slice(start, start + size), report);
  }
}

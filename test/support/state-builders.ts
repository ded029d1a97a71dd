import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Change, MesRecord, Outcome, RecordRef } from '../../src/core/types.ts';
import type { PageCommit, PassFinish, ResumePoint } from '../../src/state/store.ts';

export const source = 'erp';
export const stream = 'plant/orders';

/** A new directory that goes when the test ends. */
export function scratchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'state-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export function record(externalId: string, rest: Partial<MesRecord> = {}): MesRecord {
  return {
    entity: 'job',
    source,
    externalId,
    parents: {},
    fields: { job_number: externalId },
    lifecycle: 'active',
    ...rest,
  };
}

export function change(of: MesRecord, stamp: string | null = null): Change {
  const fieldsJson = JSON.stringify(of.fields);
  const hash = createHash('sha256').update(JSON.stringify(of)).digest('hex');
  return { record: of, fieldsJson, hash, known: undefined, stamp };
}

export function delivered(of: MesRecord, mesId: string | null = null): Outcome {
  return { kind: 'delivered', change: change(of), action: 'created', mesId };
}

export function refused(of: MesRecord, reason = 'due_date is in the past'): Outcome {
  return { kind: 'refused', change: change(of), reason };
}

export function parked(of: MesRecord, waitsFor: RecordRef): Outcome {
  return { kind: 'parked', change: change(of), waitsFor };
}

export function page(epoch: number, rest: Partial<PageCommit> = {}): PageCommit {
  return {
    stream,
    epoch,
    source,
    outcomes: [],
    keepRecords: false,
    badRows: [],
    goodRowKeys: [],
    unchanged: [],
    retriedLetters: [],
    doubtful: [],
    restamped: [],
    removed: [],
    late: null,
    childrenDue: null,
    childrenRead: [],
    parentStreams: new Map(),
    resume: null,
    ...rest,
  };
}

export function passEnd(epoch: number, value: string | null, rest: Partial<PassFinish> = {}): PassFinish {
  return {
    stream,
    epoch,
    watermark: value === null ? null : { kind: 'timestamp', value },
    stepsBack: false,
    fingerprint: 'mapping-1',
    fullReadAt: null,
    childrenSettled: false,
    parentsMarkedAt: null,
    finishedAt: '2026-03-01T08:00:00.000Z',
    ...rest,
  };
}

export function resumeAt(cursor: unknown): ResumePoint {
  const startedAt = '2026-03-01T00:00:00.000Z';
  return { window: { mode: 'full' }, target: startedAt, startedAt, fingerprint: 'mapping-1', cursor };
}

import type { Stream } from '../connectors/connector.ts';
import type { Change } from '../core/types.ts';
import type { ResumePoint } from '../state/store.ts';
import type { Pass } from './pass-types.ts';

/** Notes in the state what a push is about to send of one stream, so that a crash leaves nothing in the MES that the ledger does not know of. */
export interface SendNotes {
  noteSending(changes: readonly Change[]): Promise<void>;
  /** Something was noted: a commit must follow, whatever became of it. */
  any(): boolean;
}

/** `resumeIfCrashed` is where an interrupted pass goes on, as long as no commit says otherwise. */
export function createSendNotes({ store, session, stream, id }: Pass, resumeIfCrashed?: ResumePoint): SendNotes {
  let sent = false;
  return {
    async noteSending(changes) {
      const note = { stream: id, source: session.source, changes, keepRecords: keepsRecords(stream) };
      const first = !sent;
      sent = true;
      await store.noteSending({ ...note, before: (first ? resumeIfCrashed : undefined) ?? null });
    },
    any: () => sent,
  };
}

/** What vanishes is told to the MES with all it was; of jobs it keeps what is left out. */
export function keepsRecords({ entity }: Pick<Stream, 'entity'>): boolean {
  return entity !== 'job';
}

import type { Stream } from '../connectors/connector.ts';
import type { Change } from '../core/types.ts';
import type { ResumePoint } from '../state/store.ts';
import type { Pass } from './pass-types.ts';

/** What one push sends of one stream: noted before it goes out, so that a crash leaves no record in the MES that nobody knows of. */
export interface Sending {
  sending(changes: readonly Change[]): Promise<void>;
  /** Something was noted: a commit must follow, whatever became of it. */
  wasSent(): boolean;
}

/** `before` is where an interrupted pass goes on, as long as no commit says otherwise. */
export function createSending({ store, session, stream, id }: Pass, before?: ResumePoint): Sending {
  let sent = false;
  return {
    async sending(changes) {
      const note = { stream: id, source: session.source, changes, keepRecords: keepsRecords(stream) };
      const first = !sent;
      sent = true;
      await store.noteSending({ ...note, before: (first ? before : undefined) ?? null });
    },
    wasSent: () => sent,
  };
}

/** What vanishes is told to the MES with all it was; of jobs it keeps what is left out. */
export function keepsRecords({ entity }: Pick<Stream, 'entity'>): boolean {
  return entity !== 'job';
}

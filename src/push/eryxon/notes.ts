import { recordKey } from '../../core/records.ts';
import type { SentCreate, SourceRef } from '../../core/types.ts';

/** Where what was learnt of an installation outlives the process. */
export interface Notes {
  readNote(name: string): Promise<unknown>;
  writeNote(name: string, value: unknown): Promise<void>;
  /** A create that was sent, until the ledger has the id of its row. */
  sentCreate(ref: SourceRef): Promise<SentCreate | undefined>;
  noteCreates(creates: readonly SentCreate[]): Promise<void>;
  forgetCreates(refs: readonly SourceRef[]): Promise<void>;
}

/** Notes that end with the process: for a check beside a running daemon. */
export function forgetfulNotes(): Notes {
  const kept = new Map<string, unknown>();
  const creates = new Map<string, SentCreate>();
  const keyOf = (ref: SourceRef) => `${ref.source}/${recordKey(ref)}`;
  return {
    readNote: async (name) => kept.get(name),
    writeNote: async (name, value) => void kept.set(name, value),
    sentCreate: async (ref) => creates.get(keyOf(ref)),
    async noteCreates(sent) {
      for (const create of sent) creates.set(keyOf(create), create);
    },
    async forgetCreates(refs) {
      for (const ref of refs) creates.delete(keyOf(ref));
    },
  };
}

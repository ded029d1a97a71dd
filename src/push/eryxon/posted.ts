import { businessKeyOf } from '../../core/records.ts';
import type { MesRecord, SentCreate } from '../../core/types.ts';
import type { ReadyChange } from '../sink.ts';
import type { Notes } from './notes.ts';

/** A create that was sent, and the id that the answer named; null while no answer has come. */
export type Posted = Pick<SentCreate, 'hash' | 'mesId' | 'businessKey'>;

/**
 * What was created and the ledger does not have yet, kept from before each request: an operation's id is shown in no list of some
 * installations, only in the answer to its create. A crash between that answer and the commit of the page would lose it.
 */
export interface PostedLog {
  find(change: ReadyChange): Promise<Posted | undefined>;
  /** `there` is the content that may be there: another than the change's when an earlier create of other content was lost. */
  note(change: ReadyChange, mesId: string | null, there?: Pick<Posted, 'hash' | 'businessKey'>): Promise<void>;
  /** As `note` for records of one request, of the content that was sent. */
  noteAll(notes: readonly { change: ReadyChange; mesId: string | null }[]): Promise<void>;
  /** What was created, if it was, is not there any more. */
  forget(...records: MesRecord[]): Promise<void>;
}

export function createPostedLog(notes: Notes): PostedLog {
  return {
    find: ({ record }) => notes.sentCreate(record),
    note: (change, mesId, there) => notes.noteCreates([{ ...sent(change, mesId), ...there, mesId }]),
    noteAll: (all) => notes.noteCreates(all.map(({ change, mesId }) => sent(change, mesId))),
    forget: (...records) => notes.forgetCreates(records),
  };
}

function sent({ record, hash }: ReadyChange, mesId: string | null): SentCreate {
  const { source, entity, externalId } = record;
  return { source, entity, externalId, hash, mesId, businessKey: businessKeyOf(record) };
}

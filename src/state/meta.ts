import { type Database, prepare, type Value } from './database.ts';
import { LeaseLostError, type Quota } from './store.ts';

/** The single values of the ledger. Methods that write belong into a transaction. */
export interface Meta {
  /** Minted once; the watermark file carries the same. */
  readonly stateId: string;
  /** Number of the last change that also goes to the watermark file. */
  sequence(): number;
  nextSequence(): number;
  /** Number of the writer: each one that opens the ledger takes the next. */
  nextEpoch(): number;
  /** Throws LeaseLostError unless this is the epoch of the last writer. */
  requireEpoch(epoch: number): void;
  readQuota(): Quota;
  writeQuota(quota: Quota): void;
  readNote(name: string): unknown;
  writeNote(name: string, value: unknown): void;
}

const freshQuota: Quota = { windowStart: null, used: 0, byOperator: 0, blockedUntil: null };

export function createMeta(database: Database): Meta {
  const read = prepare<{ value: Value }>(database, 'SELECT value FROM meta WHERE key = ?');
  const write = prepare(
    database,
    'INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  );
  const lookUp = (key: string) => read.get(key)?.value ?? null;
  const next = (key: string) => {
    const value = Number(lookUp(key)) + 1;
    write.run(key, value);
    return value;
  };
  return {
    stateId: String(lookUp('stateId')),
    sequence: () => Number(lookUp('sequence')),
    nextSequence: () => next('sequence'),
    nextEpoch: () => next('epoch'),
    requireEpoch(epoch) {
      if (epoch === lookUp('epoch')) return;
      throw new LeaseLostError('Another process has taken over the state; nothing was written.');
    },
    readQuota() {
      const text = lookUp('quota');
      return text === null ? freshQuota : { ...freshQuota, ...JSON.parse(String(text)) };
    },
    writeQuota: (quota) => void write.run('quota', JSON.stringify(quota)),
    readNote(name) {
      const text = lookUp(`note ${name}`);
      return text === null ? undefined : JSON.parse(String(text));
    },
    writeNote: (name, value) => void write.run(`note ${name}`, JSON.stringify(value)),
  };
}

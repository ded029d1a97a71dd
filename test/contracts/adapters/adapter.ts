import type { MesImage, Table } from '../../../sandbox/types.ts';

/** A simulated ERP as the suite meets it: its clock, its history, its oracle. */
export interface History {
  now(): Date;
  advance(ms: number): void;
  /** Lets business go on; one line an event. */
  play(events: number): string[];
  /** Commits what is still pending. */
  settle(): void;
  /** What the MES must hold now. */
  expected(): MesImage;
  /** A pass has read, or is about to read, all that is visible. */
  checkpoint(): void;
  /** `table/externalId` of records that a reader may lack. */
  optional(): Set<string>;
  /** Requests that would change something in the ERP. */
  writes(): number;
  requests(): { total: number };
  stop(): Promise<void>;
}

/** A running ERP with settings that fit it. */
export interface Erp extends History {
  /** Good settings, laid over by `own`. */
  settings(own?: object): object;
  /** What must never show in an error. */
  secrets: string[];
  /** Plays until something is stamped now that can be read only later; resolves to its external id and when it shows. */
  playLate(): { externalId: string; visibleAt: Date };
  /** Plays until many records of the stream share one stamp; resolves to how many. */
  playTie(): number;
  /** Plays until a record of any stream is dated centuries ahead. */
  playFuture(): void;
  /** Plays until the ERP flags a record of the stream as cancelled; resolves to its external id. */
  playCancelled(): string;
  /** Plays until a record of any stream is deleted without a trace; resolves to its table and external id. */
  playDeleted(): [table: Table, externalId: string];
}

export interface BadSettings {
  what: string;
  own: object;
  /** Of the ERP: what the account may not do, or the system lacks. */
  erp?: object;
  /** Code of the finding, and what its text must say. */
  code: string;
  text: RegExp;
}

/** How the suite meets one connector: its simulator, and what is peculiar to its settings. */
export interface Adapter {
  type: string;
  /** Set-ups that must all behave the same, e.g. protocols and ways of paging; the first is the usual one. */
  variants: Record<string, { erp: object; settings: object }>;
  /** The stream of changes that the suite follows, and what its rows become. */
  stream: string;
  table: Table;
  bad: readonly BadSettings[];
  /** `startAt`: when the ERP's clock starts; `deletes`: whole records vanish without a trace. */
  start(variant: object, options?: { startAt?: Date; deletes?: boolean; records?: number }): Promise<Erp>;
  /** An ERP with this many rows in `stream`, and hardly anything in memory. */
  startLarge(rows: number): Promise<{ settings: object; stop(): Promise<void> }>;
}

/** Plays until a line of the history matches. */
export function playUntil({ play }: Pick<History, 'play'>, pattern: RegExp): RegExpExecArray {
  for (let turn = 0; turn < 5000; turn += 1) {
    const found = pattern.exec(play(1)[0] ?? '');
    if (found !== null) return found;
  }
  throw new Error(`Nothing like ${pattern} happened.`);
}

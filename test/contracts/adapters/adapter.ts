/** A running ERP with settings that fit it. */
export interface Erp {
  /** Good settings, laid over by `own`. */
  settings(own?: object): object;
  /** What must never show in an error. */
  secrets: string[];
  now(): Date;
  advance(ms: number): void;
  /** Lets business go on. */
  play(events: number): void;
  /** Plays until something is stamped now that can be read only later; resolves to its external id and when it shows. */
  playLate(): { externalId: string; visibleAt: Date };
  /** Plays until many records of the stream share one stamp; resolves to how many. */
  playTie(): number;
  /** External ids of the records that the MES must hold of a stream. */
  expected(stream: string): Set<string>;
  /** Requests that would change something in the ERP. */
  writes(): number;
  requests(): number;
  stop(): Promise<void>;
}

export interface BadSettings {
  what: string;
  own: object;
  /** Code of the finding, and what its text must say. */
  code: string;
  text: RegExp;
}

/** How the suite meets one connector: its simulator, and what is peculiar to its settings. */
export interface Adapter {
  type: string;
  /** Set-ups that must all behave the same, e.g. protocols and ways of paging. */
  variants: Record<string, { erp: object; settings: object }>;
  /** The stream of changes that the suite follows. */
  stream: string;
  bad: readonly BadSettings[];
  start(variant: object): Promise<Erp>;
  /** An ERP with this many rows in `stream`, and hardly anything in memory. */
  startLarge(rows: number): Promise<{ settings: object; stop(): Promise<void> }>;
}

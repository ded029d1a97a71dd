/**
 * Errors are named after what happens next. Every text says what failed, why, where, and what to do; never a secret.
 */

/** One problem of the configuration. */
export interface ConfigProblem {
  text: string;
  file?: string;
  line?: number;
  column?: number;
}

/** Stop at start (exit 78): the configuration or the state is not usable. Lists every problem found. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[] | string, options?: ErrorOptions) {
    const list = typeof problems === 'string' ? [{ text: problems }] : problems;
    super(list.map(describeProblem).join('\n'), options);
    this.problems = list;
  }
}

/** The command line asks for something that does not exist (exit 64). */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The state directory is held by another process (exit 75). */
export class BusyError extends Error {
  override name = 'BusyError';
}

interface TransientDetails {
  retryAfterMs?: number;
  malformed?: boolean;
  expired?: boolean;
  unsent?: boolean;
  status?: number;
}

/** Try again later, keep the watermark: network faults, time-outs, 429, 5xx. */
export class TransientError extends Error {
  override name = 'TransientError';
  /** How long the other side asked us to wait, milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** The other side did answer, but not in the form that was asked for: a logon page, a body that breaks off. */
  readonly malformed: boolean;
  /** The request took longer than it may. */
  readonly expired: boolean;
  /** No connection was made: the other side knows nothing of the request. */
  readonly unsent: boolean;
  /** Of the answer, where there was one. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & TransientDetails = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
    this.malformed = options.malformed ?? false;
    this.expired = options.expired ?? false;
    this.unsent = options.unsent ?? false;
    this.status = options.status;
  }
}

/** Wait until then, nothing has failed: the day's requests are planned, or the other side asked for silence or is rewriting its data. */
export class WaitError extends TransientError {
  override name = 'WaitError';
  /** ISO-8601. */
  readonly until: string;
  /** By our own plan of the day: nothing is wrong with the other side. */
  readonly planned: boolean;

  constructor(message: string, options: ErrorOptions & { until: string; retryAfterMs: number; planned?: boolean }) {
    super(message, options);
    this.until = options.until;
    this.planned = options.planned ?? false;
  }
}

interface PermanentDetails {
  credentials?: boolean;
  redirect?: string;
  status?: number;
  tooLarge?: boolean;
}

/** Pause the stream and tell a human: credentials refused, permission missing, service not found. */
export class PermanentError extends Error {
  override name = 'PermanentError';
  /** True when the credentials themselves were refused: trying on could lock the account. */
  readonly credentials: boolean;
  /** Where the answer would have sent us; redirects are not followed. */
  readonly redirect: string | undefined;
  /** Of the answer, where there was one. */
  readonly status: number | undefined;
  /** There was an answer, of which no more was read than is held: a write may have taken effect. */
  readonly tooLarge: boolean;

  constructor(message: string, options: ErrorOptions & PermanentDetails = {}) {
    super(message, options);
    this.credentials = options.credentials ?? false;
    this.redirect = options.redirect;
    this.status = options.status;
    this.tooLarge = options.tooLarge ?? false;
  }
}

/** Set this row aside and go on with the next: its values cannot become a record. */
export class RecordError extends Error {
  override name = 'RecordError';
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Anything thrown, as an error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

function describeProblem(problem: ConfigProblem): string {
  if (problem.file === undefined) return problem.text;
  const position = problem.line === undefined ? '' : `:${problem.line}:${problem.column ?? 1}`;
  return `${problem.file}${position}: ${problem.text}`;
}

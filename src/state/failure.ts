import { ConfigError, TransientError } from '../core/errors.ts';

/** SQLite's primary result codes for a file that is no sound database: SQLITE_CORRUPT, SQLITE_NOTADB; and SQLITE_ERROR, for our statements fit our tables. */
const damage = new Set([1, 11, 26]);
/** And for what passes by itself: permission, busy, locked, memory, read-only, I/O, full, cannot open, lock protocol. */
const trouble = new Set([3, 5, 6, 7, 8, 10, 13, 14, 15]);

/** The file is no sound database. */
export function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode !== undefined && damage.has(errcode & 0xff);
}

/** SQLite's codes for what this user may not do: SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN. */
const denials = new Set([3, 8, 14]);

/** This user may not do it. */
export function isDenied(error: unknown): boolean {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? ['EACCES', 'EPERM'].includes(systemCode(error) ?? '') : denials.has(errcode & 0xff);
}

/** What a failed file or database operation means for the daemon; errors that already say so pass unchanged. */
export function stateFailure(error: unknown, directory: string): unknown {
  if (!(error instanceof Error)) return error;
  const { errcode, syscall } = error as { errcode?: number; syscall?: string };
  const result = errcode === undefined ? undefined : errcode & 0xff;
  // A text in it is no JSON any more: nothing else is parsed on the way.
  if (isDamage(error) || error instanceof SyntaxError) {
    return new DamagedStateError(`The ledger in ${directory} is damaged: ${error.message}`, { cause: error });
  }
  if (syscall !== undefined || (result !== undefined && trouble.has(result))) {
    const advice = 'Check free space, permissions and the disk; the next try goes on where this one ended.';
    return new TransientError(`The state in ${directory} could not be read or written: ${error.message}. ${advice}`, {
      cause: error,
    });
  }
  return error;
}

export const wayOutOfDamage =
  'Run `erp-puller state restore` with a backup, or with "previous" for the watermarks of the run before. With neither, move the state directory ' +
  'away: the next start reads and sends everything again, as a first load.';

/** The state is there but must not be used; says the way out. Nothing of it is ever removed on the way. */
export class DamagedStateError extends ConfigError {
  /** What is wrong, without the way out. */
  readonly problem: string;

  constructor(problem: string, options: ErrorOptions = {}) {
    super(`${problem}. Nothing was changed. ${wayOutOfDamage}`, options);
    this.problem = problem;
  }
}

/** There is nothing of a state that could be read or lost. */
export class NoStateError extends ConfigError {
  constructor(directory: string) {
    super(`There is no state in ${directory} yet. The daemon creates it when it first starts.`);
  }
}

/** The `code` of a system error, e.g. ENOENT. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

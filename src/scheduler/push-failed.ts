import { PermanentError, TransientError, WaitError } from '../core/errors.ts';
import type { Entity } from '../core/types.ts';

/** The MES could not be delivered to. */
export class PushFailedError extends Error {
  override name = 'PushFailedError';
  /** Only this kind of record could not be; absent: nothing could, and the other streams need not try. */
  readonly entity: Entity | undefined;

  constructor({ message, cause, entity }: { message: string; cause: Error; entity: Entity | undefined }) {
    super(message, { cause });
    this.entity = entity;
  }
}

/** What a pass ends with when its push was stopped: what is no fault of the MES, as a bug or the order to stop, as it is. */
export function asPushFailure(cause: Error, entity: Entity | undefined): Error {
  const isOfMes = cause instanceof TransientError || cause instanceof PermanentError;
  return isOfMes ? new PushFailedError({ message: cause.message, cause, entity }) : cause;
}

/** What holds a pass back until a known time without anything having failed; undefined for other errors. */
export function waitOf(error: unknown): WaitError | undefined {
  const cause = error instanceof PushFailedError ? error.cause : error;
  return cause instanceof WaitError ? cause : undefined;
}

/** True for failures that pass by themselves. */
export function isTransient(error: unknown): boolean {
  return error instanceof TransientError || (error instanceof PushFailedError && error.cause instanceof TransientError);
}

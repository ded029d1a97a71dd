import type { BlockedKind } from '../app/blocked-kinds.ts';
import { BusyError, ConfigError, messageOf, UsageError } from '../core/errors.ts';
import type { StreamResult } from '../core/events.ts';

/** Fixed: other systems call the verbs and read these. */
export const exitCodes = { done: 0, failed: 1, refused: 2, usage: 64, busy: 75, config: 78 } as const;

/** Prints why a verb could not do its work; resolves to the exit code. */
export function reportFailure(error: unknown): number {
  process.stderr.write(`${messageOf(error)}\n`);
  if (error instanceof UsageError) return exitCodes.usage;
  if (error instanceof BusyError) return exitCodes.busy;
  if (error instanceof ConfigError) return exitCodes.config;
  return exitCodes.failed;
}

/** Failed outranks refused; waiting for a parent alone is done, waiting for the MES to be mended is refused. */
export function exitCodeOf(results: readonly Pick<StreamResult, 'outcome'>[], closed: readonly BlockedKind[]): number {
  if (results.some(({ outcome }) => outcome === 'failed')) return exitCodes.failed;
  if (closed.length > 0) return exitCodes.refused;
  return results.some(({ outcome }) => outcome === 'refused') ? exitCodes.refused : exitCodes.done;
}

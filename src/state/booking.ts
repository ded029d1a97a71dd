import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DamagedStateError, stateFailure } from './failure.ts';
import { changeMeta } from './ledger.ts';
import { lockState } from './lock.ts';
import { restoringName } from './pairing.ts';
import type { Store } from './store.ts';

/**
 * The day budget in a state directory that no process holds, for whoever books a few requests: the state is locked for each booking and
 * no longer, so that no start meets a lock that lasts. Makes no state. Throws BusyError where another process holds it, ConfigError or
 * TransientError where it is not there, damaged, or cannot be written.
 */
export function openIdleBudget(directory: string): Pick<Store, 'readQuota' | 'updateQuota'> {
  const updateQuota: Store['updateQuota'] = async (edit) => {
    try {
      return withLock(directory, () =>
        changeMeta(directory, (meta) => {
          const before = meta.readQuota();
          const { quota, answer } = edit(before);
          if (quota !== before) meta.writeQuota(quota);
          return answer;
        }),
      );
    } catch (error) {
      throw stateFailure(error, directory);
    }
  };
  return { updateQuota, readQuota: () => updateQuota((quota) => ({ quota, answer: quota })) };
}

function withLock<T>(directory: string, work: () => T): T {
  const lock = lockState(directory);
  try {
    if (existsSync(join(directory, restoringName)))
      throw new DamagedStateError(`A restore of ${directory} was cut off`);
    return work();
  } finally {
    lock.release();
  }
}

import { TransientError } from '../../core/errors.ts';
import { entities } from '../../core/types.ts';
import type { Transport } from '../sink.ts';
import type { Capabilities } from './ability.ts';
import type { Discovery } from './discovery.ts';
import { possibleTasks, taskCount } from './ways.ts';

/** A person need not wait until what is known is old: what the MES could not be given is looked at before their passes. */
export interface Reopening {
  /** A person asks: where the MES takes not all of some kind, as far as is known, a look is wanted. */
  reopen(): Promise<void>;
  /** Whether one is wanted and has not begun. */
  wanted(): boolean;
  /** Does it, or waits for the one that has begun. A passing fault leaves what is known; the next delivery tells of it. */
  look(transport: Transport): Promise<void>;
}

export function createReopening(discovery: Discovery): Reopening {
  let wanted = false;
  let running: Promise<void> | undefined;

  async function lookNow(transport: Transport): Promise<void> {
    try {
      await discovery.look(transport);
    } catch (error) {
      if (!(error instanceof TransientError)) throw error;
    } finally {
      running = undefined;
    }
  }

  return {
    async reopen() {
      const known = await discovery.known();
      if (known === undefined || !isShort(known)) return;
      discovery.expire();
      wanted = true;
    },
    wanted: () => wanted,
    async look(transport) {
      if (wanted) running = lookNow(transport);
      wanted = false;
      await running;
    },
  };
}

function isShort({ entities: abilities }: Capabilities): boolean {
  return entities.some((entity) => possibleTasks(entity, abilities[entity]).length < taskCount);
}

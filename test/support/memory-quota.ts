import type { QuotaState } from '../../src/push/day-plan.ts';
import type { QuotaStore } from '../../src/push/day-quota.ts';

export interface MemoryQuota extends QuotaStore {
  state: QuotaState;
}

/** A state that outlives the quota, as a file does. */
export function createMemoryQuota(state: Partial<QuotaState> = {}): MemoryQuota {
  const memory: MemoryQuota = {
    state: { windowStart: null, used: 0, byOperator: 0, blockedUntil: null, ...state },
    readQuota: async () => memory.state,
    async updateQuota(change) {
      const { quota, answer } = change(memory.state);
      memory.state = structuredClone(quota);
      return answer;
    },
  };
  return memory;
}

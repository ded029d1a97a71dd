import type { Finding } from '../../core/types.ts';
import { failureOf } from '../session-check.ts';
import { hiddenText, hiddenTodo, isHidden } from './plan-runs.ts';
import type { TaskList } from './tasks.ts';
import { proveZone, type ZoneProof, zoneTodo } from './zone.ts';

/** What `check` tells of the server as a whole, beside what it has found out of the streams. */
export async function checkServer(proof: ZoneProof, tasks: TaskList, signal: AbortSignal): Promise<Finding[]> {
  const told = (check: Promise<Finding>) =>
    check.catch((error: unknown) => failureOf(error, { where: proof.name }, signal));
  return [await told(checkZone(proof, signal)), await told(checkTasks(proof, tasks, signal))];
}

async function checkZone(proof: ZoneProof, signal: AbortSignal): Promise<Finding> {
  const where = proof.name;
  const verdict = await proveZone(proof, signal);
  if (verdict.zone === 'wrong') {
    return { code: 'zone-wrong', level: 'error', where, text: verdict.text, todo: zoneTodo };
  }
  if (verdict.zone === 'proven') {
    return {
      code: 'zone-proven',
      level: 'ok',
      where,
      text: `FrePPLe's times are those of ${proof.timeZone}.`,
      todo: '',
    };
  }
  return { code: 'zone-unproven', level: 'warning', where, text: verdict.text, todo: zoneTodo };
}

async function checkTasks({ name: where }: ZoneProof, tasks: TaskList, signal: AbortSignal): Promise<Finding> {
  try {
    await tasks.underWay(signal);
    return { code: 'plan-runs-visible', level: 'ok', where, text: 'Plan runs can be seen while they last.', todo: '' };
  } catch (error) {
    if (!isHidden(error)) throw error;
    return {
      code: 'plan-runs-hidden',
      level: 'warning',
      where,
      text: hiddenText,
      todo: hiddenTodo,
    };
  }
}

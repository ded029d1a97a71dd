import type { Entity } from '../../core/types.ts';
import type { Transport } from '../sink.ts';
import type { Capabilities } from './ability.ts';
import type { Discovery } from './discovery.ts';
import { possibleTasks, taskCount } from './ways.ts';

/** Whether the MES, as far as is known, takes not all of some of these kinds. */
export async function isShortOf(kinds: Iterable<Entity>, discovery: Discovery): Promise<boolean> {
  const known = await discovery.known();
  return known !== undefined && [...kinds].some((kind) => isShort(kind, known));
}

/** A person need not wait until what is known is old. What goes wrong leaves it as it is: the next delivery tells of it. */
export async function lookAgain(discovery: Discovery, transport: Transport): Promise<void> {
  await discovery.look(transport).catch(() => undefined);
}

function isShort(kind: Entity, { entities: abilities }: Capabilities): boolean {
  return possibleTasks(kind, abilities[kind]).length < taskCount;
}

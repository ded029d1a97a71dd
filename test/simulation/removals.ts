import { DatabaseError } from '../../sandbox/eryxon/errors.ts';
import { type Table, tables } from '../../sandbox/types.ts';
import { grainMs, type Story } from './story.ts';
import type { World } from './world.ts';

function namesIn({ mes }: World): Set<string> {
  const image = mes.image();
  return new Set(tables.flatMap((table) => [...image[table].keys()].map((id) => `${table}/${id}`)));
}

/** Somebody at the MES removes a record, and with it what the MES lets go along; now and then the lists of the MES are asked at once. */
export async function removeByHand({ world, aside, tell }: Story): Promise<void> {
  const before = namesIn(world);
  if (before.size === 0) return;
  const name = aside.pick([...before]);
  const [table = '', id = ''] = name.split('/');
  try {
    world.mes.remove(table as Table, id);
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return tell(`somebody tries to remove ${name} from the MES: ${error.message}`);
  }
  const after = namesIn(world);
  const gone = [...before].filter((each) => !after.has(each));
  for (const each of gone) world.removed.add(each);
  tell(`somebody removes ${gone.join(', ')} from the MES`);
  if (!aside.chance(0.3)) return;
  const results = await world.reconcile({ mes: true });
  tell(`reconcile, MES too: ${results.map(({ stream, outcome, lost }) => `${stream} ${outcome} ${lost}`).join(', ')}`);
  world.clock.advance(grainMs);
}

const parentFields = { parts: ['jobs', 'job_external_id'], operations: ['parts', 'part_external_id'] } as const;

/**
 * What may be wrong in the MES for ever, because somebody removed it, or what it hangs on. Where a removed row is dead and keeps its
 * keys, nothing of that name can be created any more; and nobody can bring back what the ERP has not any more.
 */
export function mayLack({ erp, mes, removed }: World): string[] {
  const keepsKeys = (name: string) => mes.generation !== 'classic' && !name.startsWith('cells/');
  const isGone = (name: string) => {
    const [table = '', id = ''] = name.split('/');
    return erp.isGone(table as Table, id);
  };
  const lack = new Set([...removed].filter((name) => keepsKeys(name) || isGone(name)));
  if (lack.size === 0) return [];
  const expected = erp.expected();
  for (const [table, [parents, field]] of Object.entries(parentFields)) {
    for (const [id, { fields }] of expected[table as Table]) {
      if (lack.has(`${parents}/${String(fields[field])}`)) lack.add(`${table}/${id}`);
    }
  }
  return [...lack];
}

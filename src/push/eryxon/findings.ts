import { messageOf, PermanentError, TransientError, WaitError } from '../../core/errors.ts';
import { entities, type Finding } from '../../core/types.ts';
import type { Ability, Capabilities } from './ability.ts';
import { tables } from './bodies.ts';
import { SchemaError } from './verdict.ts';
import { chooseWay, type Task, type WayName } from './ways.ts';

/** How records of one entity reach this MES, for people. */
export interface WayReport {
  entity: (typeof entities)[number];
  /** For many new records, for many changes, and for one put on hold; null where this MES takes none. */
  create: WayName | null;
  update: WayName | null;
  status: WayName | null;
  /** Why not a better one. */
  faults: readonly string[];
}

const many = 100;
const ofGoodTimes = { distrusted: false, listPages: 1 };

export function reportWays({ entities: abilities }: Capabilities): WayReport[] {
  return entities.map((entity) => {
    const ability = abilities[entity];
    const choose = (task: Task) => chooseWay({ entity, ability, task, count: many, proof: ofGoodTimes }) ?? null;
    return {
      entity,
      create: choose('create'),
      update: choose('update'),
      status: choose('status'),
      faults: ability.faults,
    };
  });
}

export function wayFindings(capabilities: Capabilities): Finding[] {
  return reportWays(capabilities).map((report) => toFinding(report, capabilities.entities[report.entity]));
}

export const waits = 'mes-waits';

/** The rest of the MES was not asked: its requests are used up, or it wants silence. */
export function waitFinding({ message }: WaitError): Finding {
  const todo =
    'The MES was not asked any further. Check again then; where the day budget is used up, mes.rate.requestsPerDay can be raised with the plan of the MES.';
  return { code: waits, level: 'error', where: 'mes', text: message, todo };
}

/** An endpoint does not answer, for a reason that holds for the others too. Throws what is no fault of the MES: somebody ends the check. */
export function troubleFinding(where: string, error: unknown): Finding {
  if (error instanceof WaitError) return waitFinding(error);
  if (!isFault(error)) throw error;
  return { code: troubleOf(error), level: 'error', where, text: messageOf(error), todo: todoFor(error) };
}

/** Endpoints answer, and what the MES takes could not be found out. Throws as above. */
export function unknownWaysFinding(error: unknown): Finding {
  if (error instanceof WaitError) return waitFinding(error);
  if (!isFault(error)) throw error;
  return { code: 'mes-ways-unknown', level: 'error', where: 'mes', text: messageOf(error), todo: todoFor(error) };
}

type Fault = TransientError | PermanentError | SchemaError;

function isFault(error: unknown): error is Fault {
  return error instanceof TransientError || error instanceof PermanentError || error instanceof SchemaError;
}

function troubleOf(error: Fault): string {
  if (error instanceof PermanentError) return error.credentials ? 'mes-credentials-refused' : 'mes-refused';
  if (error instanceof SchemaError) return 'mes-refused';
  return error.status === 429 ? 'mes-limited' : 'mes-unreachable';
}

function todoFor(error: Fault): string {
  if (error instanceof PermanentError) return todoForRefusal(error);
  if (error instanceof SchemaError)
    return 'Check again later; if it stays, ask the MES administrator to have its functions repaired.';
  if (error.status === undefined && !error.malformed)
    return 'Check mes.url, mes.proxy and mes.tls, and that this machine can reach the MES.';
  if (error.status === 429)
    return 'Check again later, after the wait that the MES asks for; if it stays, lower mes.rate, or have the MES allow more requests.';
  return 'Check again later; if it stays, see that mes.url is the address of Eryxon, and ask the MES administrator.';
}

function todoForRefusal({ credentials, redirect }: PermanentError): string {
  if (credentials)
    return 'Correct mes.apiKey in the config file, or have the MES administrator give the key the right to read and write.';
  return redirect === undefined
    ? 'Check mes.url and mes.proxy; if they are right, ask the MES administrator.'
    : 'Correct mes.url: it has to be the address that the MES itself answers at.';
}

function toFinding(report: WayReport, ability: Ability): Finding {
  const { entity, create, update, status, faults } = report;
  const where = `mes ${tables[entity]}`;
  const why = faults.length === 0 ? '' : ` Because: ${faults.map((fault) => fault.replace(/\.$/, '')).join('; ')}.`;
  if (create === null) {
    const text = `This MES takes no ${tables[entity]} in any way: they wait.${why}`;
    return {
      code: 'mes-way-none',
      level: 'error',
      where,
      text,
      todo: 'Have the MES repaired; delivery goes on by itself.',
    };
  }
  const same = create === update && update === status;
  const chosen = same ? create : `${create} for new ones, ${update} for changes, ${status} for status`;
  const text = `Delivered by ${chosen}.${why}`;
  if (status === 'erp-sync' && (entity === 'part' || entity === 'job')) {
    const todo =
      'What is cancelled after its creation gets a note only; put it on hold in the MES by hand, or have api-parts repaired.';
    return { code: 'mes-way-limited', level: 'warning', where, text: `${text} This MES cannot change a status.`, todo };
  }
  if (update === 'erp-sync' && entity === 'resource') {
    const todo = 'Set it again by hand after changes in the ERP, or have api-resources repaired.';
    const limit = 'Every write makes the status "available" again.';
    return { code: 'mes-way-limited', level: 'warning', where, text: `${text} ${limit}`, todo };
  }
  const single = create === 'post-patch' || (ability.classic === 'put' && create === 'classic-put');
  if (!single) return { code: 'mes-way', level: 'ok', where, text, todo: '' };
  const todo =
    'Each record costs a request: plan mes.rate.requestsPerDay for it, or have the sync of the MES repaired.';
  return { code: 'mes-way-single', level: 'warning', where, text, todo };
}

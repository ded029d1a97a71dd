import { type Erp, erpKinds } from './erps.ts';
import type { FaultLevel } from './faults.ts';
import type { Exchange } from './http.ts';
import type { AnySandbox, Namings } from './sandbox.ts';
import type { SapSimulator } from './sap/index.ts';
import { type Answer, type Table, tables } from './types.ts';

const levels: readonly FaultLevel[] = ['none', 'some', 'all'];

/**
 * Answers one request to the control server: `POST /play?events=N`, `/advance?ms=N`, `/settle`, `/checkpoint`,
 * `/faults?level=none|some|all`, `/narrow?percent=N` (what the user of SAP may read), `GET /requests`, and
 * `GET /compare`, with `source-ERP=TEXT&prefix-ERP=TEXT` where several ERPs share the MES; `erp=ERP` keeps a command to one ERP. By hand in the MES
 * `POST /remove?table=T&id=X`, `/edit?table=T&id=X` with a JSON object of columns, `/touch?table=T&id=X&status=S`,
 * `/lie?percent=N`. Everything answers JSON; a command that is not understood is 400.
 */
export function control(sandbox: AnySandbox, exchange: Exchange): Answer {
  const parameters = new URLSearchParams(exchange.query);
  try {
    const command = `${exchange.method} ${exchange.path}`;
    const result = byHand(sandbox, command, { parameters, body: exchange.body }) ?? run(sandbox, command, parameters);
    return { status: 200, body: JSON.stringify(result) };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { status: 400, body: JSON.stringify({ error: error.message }) };
  }
}

class CommandError extends Error {}

function run(sandbox: AnySandbox, command: string, parameters: URLSearchParams): object {
  const erps = chosen(sandbox, parameters);
  const simulators = erps.map(({ simulator }) => simulator);
  switch (command) {
    case 'POST /play': {
      const events = wholeNumber(parameters, 'events');
      return { events: simulators.flatMap((simulator) => simulator.play(events)) };
    }
    case 'POST /advance': {
      const ms = wholeNumber(parameters, 'ms');
      for (const simulator of simulators) simulator.advance(ms);
      return clocks(erps);
    }
    case 'POST /settle':
      for (const simulator of simulators) simulator.settle();
      return clocks(erps);
    case 'POST /checkpoint':
      for (const simulator of simulators) simulator.checkpoint();
      return clocks(erps);
    case 'POST /faults':
      sandbox.setFaults(levelOf(parameters));
      return clocks(erps);
    case 'POST /narrow':
      sapOf(sandbox).narrow(wholeNumber(parameters, 'percent') / 100);
      return clocks(erps);
    case 'GET /compare':
      return sandbox.compare(namingsIn(parameters));
    case 'GET /requests':
      return { ...requestsOf(erps), mes: sandbox.mes.requests() };
    default:
      throw new CommandError(`No command ${command}.`);
  }
}

/** The ERP that a command is for; all of them when it names none. */
function chosen({ erps }: AnySandbox, parameters: URLSearchParams): readonly Erp[] {
  const given = parameters.get('erp');
  if (given === null) return erps;
  const found = erps.filter(({ kind }) => kind === given);
  if (found.length > 0) return found;
  throw new CommandError(`Parameter erp must be one of ${erps.map(({ kind }) => kind).join(', ')}, not "${given}".`);
}

function sapOf(sandbox: AnySandbox): SapSimulator {
  if ('sap' in sandbox) return sandbox.sap as SapSimulator;
  throw new CommandError('There is no SAP in this sandbox.');
}

function namingsIn(parameters: URLSearchParams): Namings {
  const named = erpKinds.flatMap((kind) => {
    const source = parameters.get(`source-${kind}`);
    return source === null ? [] : [[kind, { source, numberPrefix: parameters.get(`prefix-${kind}`) ?? '' }]];
  });
  return Object.fromEntries(named);
}

function requestsOf(erps: readonly Erp[]): object {
  const counted = erps.map(({ kind, simulator }) => [kind, { ...simulator.requests(), writes: simulator.writes() }]);
  return Object.fromEntries(counted);
}

/** The ERPs' clocks after the command, so that a script sees it took effect. */
function clocks(erps: readonly Erp[]): object {
  return { now: Object.fromEntries(erps.map(({ kind, simulator }) => [kind, simulator.now()])) };
}

/** What people do at the MES; undefined for a command of another kind. */
function byHand(
  { mes }: AnySandbox,
  command: string,
  { parameters, body }: { parameters: URLSearchParams; body: string },
): object | undefined {
  const record = (): [Table, string] => [tableOf(parameters), parameters.get('id') ?? ''];
  switch (command) {
    case 'POST /remove':
      return done(() => mes.remove(...record()));
    case 'POST /edit':
      return done(() => mes.edit(...record(), JSON.parse(body) as Record<string, unknown>));
    case 'POST /touch':
      return done(() => mes.touch(...record(), parameters.get('status') ?? ''));
    case 'POST /lie':
      mes.lie(wholeNumber(parameters, 'percent') / 100);
      return { counts: mes.counts() };
    default:
      return undefined;
  }

  function done(action: () => void): object {
    try {
      action();
    } catch (error) {
      throw new CommandError(error instanceof Error ? error.message : String(error));
    }
    return { counts: mes.counts() };
  }
}

function tableOf(parameters: URLSearchParams): Table {
  const given = parameters.get('table');
  const table = tables.find((candidate) => candidate === given);
  if (table === undefined)
    throw new CommandError(`Parameter table must be one of ${tables.join(', ')}, not "${given}".`);
  return table;
}

function wholeNumber(parameters: URLSearchParams, name: string): number {
  const given = parameters.get(name) ?? '';
  if (!/^\d{1,15}$/.test(given)) throw new CommandError(`Parameter ${name} must be a whole number, not "${given}".`);
  return Number(given);
}

function levelOf(parameters: URLSearchParams): FaultLevel {
  const given = parameters.get('level');
  const level = levels.find((candidate) => candidate === given);
  if (level === undefined)
    throw new CommandError(`Parameter level must be one of ${levels.join(', ')}, not "${given}".`);
  return level;
}

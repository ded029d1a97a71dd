import type { FaultLevel } from './faults.ts';
import type { Exchange } from './http.ts';
import type { Sandbox } from './sandbox.ts';
import { type Answer, type Table, tables } from './types.ts';

const levels: readonly FaultLevel[] = ['none', 'some', 'all'];

/**
 * Answers one request to the control server: `POST /play?events=N`, `/advance?ms=N`, `/settle`, `/checkpoint`,
 * `/faults?level=none|some|all`, `/narrow?percent=N` (what the ERP's user may read), `GET /compare`, `/requests`; and by hand in the MES `POST /remove?table=T&id=X`,
 * `/edit?table=T&id=X` with a JSON object of columns, `/touch?table=T&id=X&status=S`, `/lie?percent=N`. Everything answers JSON; a command that is not understood is 400.
 */
export function control(sandbox: Sandbox, exchange: Exchange): Answer {
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

function run(sandbox: Sandbox, command: string, parameters: URLSearchParams): object {
  const { sap, mes } = sandbox;
  switch (command) {
    case 'POST /play':
      return { events: sap.play(wholeNumber(parameters, 'events')) };
    case 'POST /advance':
      sap.advance(wholeNumber(parameters, 'ms'));
      return state(sandbox);
    case 'POST /settle':
      sap.settle();
      return state(sandbox);
    case 'POST /checkpoint':
      sap.checkpoint();
      return state(sandbox);
    case 'POST /faults':
      sandbox.setFaults(levelOf(parameters));
      return state(sandbox);
    case 'POST /narrow':
      sap.narrow(wholeNumber(parameters, 'percent') / 100);
      return state(sandbox);
    case 'GET /compare':
      return sandbox.compare();
    case 'GET /requests':
      return { sap: { ...sap.requests(), writes: sap.writes() }, mes: mes.requests() };
    default:
      throw new CommandError(`No command ${command}.`);
  }
}

/** What people do at the MES; undefined for a command of another kind. */
function byHand(
  { mes }: Sandbox,
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

/** The clock of the ERP after the command, so that a script sees it took effect. */
function state({ sap }: Sandbox): object {
  return { now: sap.now() };
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

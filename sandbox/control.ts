import type { FaultLevel } from './faults.ts';
import type { Exchange } from './http.ts';
import type { Sandbox } from './sandbox.ts';
import type { Answer } from './types.ts';

const levels: readonly FaultLevel[] = ['none', 'some', 'all'];

/**
 * Answers one request to the control server: `POST /play?events=N`, `/advance?ms=N`, `/settle`, `/checkpoint`,
 * `/faults?level=none|some|all`, `GET /compare`, `/requests`. Everything answers JSON; a command that is not understood is 400.
 */
export function control(sandbox: Sandbox, exchange: Exchange): Answer {
  const parameters = new URLSearchParams(exchange.query);
  try {
    const result = run(sandbox, `${exchange.method} ${exchange.path}`, parameters);
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
    case 'GET /compare':
      return sandbox.compare();
    case 'GET /requests':
      return { sap: { ...sap.requests(), writes: sap.writes() }, mes: mes.requests() };
    default:
      throw new CommandError(`No command ${command}.`);
  }
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

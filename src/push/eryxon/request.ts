import { PermanentError } from '../../core/errors.ts';
import type { Entity } from '../../core/types.ts';
import type { MesRequest, ReadyChange, SinkResult, Transport } from '../sink.ts';
import type { Ability } from './ability.ts';
import { type Answer, bootError, readAnswer } from './answers.ts';
import { tables } from './bodies.ts';
import type { Session } from './session.ts';
import { SchemaError } from './verdict.ts';

/** What every way of delivering works with. */
export interface Call {
  /** Path of the functions, without a slash at its end. */
  base: string;
  entity: Entity;
  transport: Transport;
  session: Session;
  /** What this MES can do for the entity. */
  ability: Ability;
}

/** Tells what became of one record; a record not told of has not been sent. */
export type Report = (change: ReadyChange, result: SinkResult) => void;

/** One way of delivering records of one entity. Throws SchemaError when this MES turns out not to know it. */
export type Way = (call: Call, changes: readonly ReadyChange[], report: Report) => Promise<void>;

export interface Question {
  method: MesRequest['method'];
  /** Behind the name of the function: `/sync`, `?id=…`. */
  rest?: string;
  /** Another function than that of the entity. */
  name?: string;
  body?: string;
  carries?: MesRequest['carries'];
  onUnknownOutcome?(): void;
}

export const jsonHeaders = { 'Content-Type': 'application/json' };

/** Sends one request. Throws SchemaError when the function does not start. */
export async function ask(
  { base, entity, transport }: Pick<Call, 'base' | 'entity' | 'transport'>,
  question: Question,
): Promise<Answer> {
  const { method, rest = '', name = `api-${tables[entity]}`, body, carries, onUnknownOutcome } = question;
  const path = `${base}/${name}${rest}`;
  const response = await transport.request({
    method,
    path,
    ...(body === undefined ? {} : { headers: jsonHeaders, body }),
    ...(carries === undefined ? {} : { carries }),
    ...(onUnknownOutcome === undefined ? {} : { onUnknownOutcome }),
  });
  const answer = readAnswer(response, `${method} ${path}`);
  requireStarting(answer, name);
  return answer;
}

/** Throws SchemaError when the function did not start. */
export function requireStarting({ status, code }: Answer, name: string): void {
  if (code !== bootError) return;
  throw new SchemaError(`${name} does not start (HTTP ${status} ${bootError}).`, { notStarting: true });
}

/** An answer that is neither a success nor about the record. */
export function requireKnown(answer: Answer, what: string): void {
  if (!isWithoutFunction(answer)) return;
  throw new PermanentError(`The MES has no ${what} (HTTP ${answer.status} ${answer.message}). Check mes.url.`);
}

/** The host's word for a function that is not there, in the form of one for a record that is not there. */
export function isWithoutFunction({ code, message }: Answer): boolean {
  return code === 'NOT_FOUND' && message === 'Requested function was not found';
}

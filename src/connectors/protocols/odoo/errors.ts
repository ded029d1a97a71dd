import { PermanentError, TransientError } from '../../../core/errors.ts';

/** What Odoo says of a call that failed; `name` is the Python exception, the only part that means the same in every release. */
export interface OdooFailure {
  name: string;
  message: string;
  /** HTTP status; JSON-RPC answers nearly everything with 200. */
  status: number;
  retryAfterMs: number | undefined;
}

/** The database has no such model: its app is not installed. */
export class MissingModelError extends PermanentError {}

/** A field of the call does not exist here (any more): what was found out about the model is out of date. */
export class UnknownFieldError extends PermanentError {}

/** Ends by itself: another transaction was in the way, or the database has no room for one more. */
const passing =
  /^psycopg2\.(errors\.(SerializationFailure|DeadlockDetected|LockNotAvailable|QueryCanceled)|OperationalError|InterfaceError|PoolError)$|\.(PoolError|LockError|ConcurrencyError)$/;

const noDatabase = /database "[^"]*" does not exist/;

/** Each failure by what happens next. `what` names connector, model and method. */
export function classifyFailure(what: string, failure: OdooFailure): Error {
  const { name, message, status, retryAfterMs } = failure;
  const text = message.split('\n', 1)[0]?.slice(0, 300) ?? '';
  const said = `${what} was refused: ${name.split('.').at(-1)}: ${text}`;
  if (/\.(AccessDenied|Unauthorized)$/.test(name) || isMissingUser(failure)) {
    return new PermanentError(
      `${what} was refused: the user name, the password or the API key is wrong, revoked or expired.`,
      { credentials: true },
    );
  }
  if (noDatabase.test(message)) {
    return new PermanentError(`${what} was refused: there is no such database. Check database.`, { credentials: true });
  }
  // Never with the message: what the driver of the database says names its host and port.
  if (passing.test(name)) return transient(`${what} failed for now: ${name}.`, retryAfterMs);
  if (isMissingModel(failure)) {
    return new MissingModelError(`${what}: this database has no such model; the app that brings it is not installed.`);
  }
  if (name.endsWith('.AccessError')) return new PermanentError(`${said} ${accessAdvice(text)}`);
  if (/^builtins\.(ValueError|KeyError)$/.test(name) && /^Invalid field/.test(text)) {
    return new UnknownFieldError(`${said}. Check fields, when and domain of the stream.`);
  }
  if (name === 'builtins.AttributeError') return new PermanentError(`${said}. This release of Odoo is not supported.`);
  return status === 429 || status === 502 || status === 503 || status === 504
    ? transient(`${said}.`, retryAfterMs)
    : new PermanentError(`${said}. Check the domain of the stream.`);
}

/** The number that an account once logged in under is nobody's any more. */
function isMissingUser({ name, message }: OdooFailure): boolean {
  return name.endsWith('.MissingError') && message.includes('res.users(');
}

function isMissingModel({ name, message }: OdooFailure): boolean {
  return /^Object \S+ doesn't exist/.test(message) || (name.endsWith('NotFound') && /^the model /.test(message));
}

function accessAdvice(text: string): string {
  return /compan/i.test(text)
    ? 'Check allowedCompanyIds, and the companies of the user.'
    : 'Give the user the right to read it; docs/connectors/odoo.md lists what is needed.';
}

/** An answer that is not JSON: of the web server, a proxy or a logon page in front of Odoo. */
export function classifyStatus(
  what: string,
  { status, retryAfterMs }: Pick<OdooFailure, 'status' | 'retryAfterMs'>,
): Error {
  const text = `${what} answered HTTP ${status} without JSON`;
  if (status === 200)
    return new TransientError(`${text}: usually a logon or maintenance page. Check url.`, { malformed: true });
  if (status === 401 || status === 403) return new PermanentError(`${text}. Check what stands in front of Odoo.`);
  if (status === 408 || status === 429 || status >= 500) return transient(`${text}.`, retryAfterMs, status);
  return new PermanentError(`${text}. Check url: this host is not Odoo, or does not let it through.`);
}

/** JSON-2 answers a database that the host does not serve with a page; to a model that there is not, in JSON. */
export function databaseUnknown(what: string): PermanentError {
  return new PermanentError(
    `${what} answered HTTP 404 without JSON: this host serves no such database, or does not let /json/2 through. Check database and url.`,
    { credentials: true },
  );
}

function transient(text: string, retryAfterMs: number | undefined, status?: number): TransientError {
  return new TransientError(text, {
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(status !== undefined && { status }),
  });
}

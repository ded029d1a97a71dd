import type { Json } from './python.ts';

/** The releases that are simulated. */
export type Version = 17 | 19;

/** An exception of the server: `name` is the qualified Python class, `status` what JSON-2 makes of it. */
export class OdooError extends Error {
  override readonly name: string;
  readonly status: number;
  readonly context: Json;

  constructor(name: string, message: string, { status, context = {} }: { status: number; context?: Json }) {
    super(message);
    this.name = name;
    this.status = status;
    this.context = context;
  }
}

export function valueError(message: string): OdooError {
  return new OdooError('builtins.ValueError', message, { status: 500 });
}

export function typeError(message: string, status: number): OdooError {
  return new OdooError('builtins.TypeError', message, { status });
}

export function accessDenied(): OdooError {
  return new OdooError('odoo.exceptions.AccessDenied', 'Access Denied', { status: 403 });
}

export function accessError(message: string, context: Json = {}): OdooError {
  return new OdooError('odoo.exceptions.AccessError', message, { status: 403, context });
}

export function missingError(record: string, user: number): OdooError {
  const message = `Record does not exist or has been deleted.\n(Record: ${record}, User: ${user})`;
  return new OdooError('odoo.exceptions.MissingError', message, { status: 404 });
}

/** An HTTP error that JSON-2 raises itself; its arguments end with the status. */
export class WerkzeugError extends OdooError {}

const classes: Record<number, string> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  404: 'NotFound',
  422: 'UnprocessableEntity',
};

export function werkzeugError(status: number, message: string): WerkzeugError {
  return new WerkzeugError(`werkzeug.exceptions.${classes[status]}`, message, { status });
}

/** As in a real traceback, with the server's paths: a client that logs it tells too much. */
function traceback({ name, message }: OdooError): string {
  const lines = [
    'Traceback (most recent call last):',
    '  File "/opt/odoo/odoo/http.py", line 2257, in _transactioning',
    '    return service_model.retrying(func, env=self.env)',
    '  File "/opt/odoo/odoo/service/model.py", line 156, in retrying',
    '    result = func()',
  ];
  return `${lines.join('\n')}\n${name}: ${message}\n`;
}

/** The error object of JSON-2, and the `data` of JSON-RPC; the order of the keys differs. */
export function errorData(error: OdooError, version: Version): Json {
  const { name, message, context } = error;
  const args: Json = error instanceof WerkzeugError ? [message, error.status] : [message];
  const debug = traceback(error);
  if (version === 17) return { name, debug, message, arguments: args, context };
  return { name, message, arguments: args, context, debug };
}

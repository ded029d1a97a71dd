import type { Answer } from '../types.ts';

/** Where in the request the fault lies, e.g. `{ 'o:errorQueryParam': 'limit' }`. */
type Place = Partial<Record<'o:errorQueryParam' | 'o:errorHeader' | 'o:errorPath' | 'o:errorUrlPath', string>>;

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
};

const sections: Record<number, string> = {
  400: '15.5.1',
  401: '15.5.2',
  403: '15.5.4',
  404: '15.5.5',
  405: '15.5.6',
  429: '15.5',
  500: '15.6.1',
};

/** A refusal in the shape of SuiteTalk REST: a status, a code to branch on, and a text for people. */
export class NetSuiteError extends Error {
  readonly status: number;
  readonly code: string;
  readonly place: Place;

  constructor(status: number, code: string, { detail, place = {} }: { detail: string; place?: Place }) {
    super(detail);
    this.status = status;
    this.code = code;
    this.place = place;
  }
}

/** A statement that cannot be run; `reason` is what stands behind NetSuite's opening words. */
export function badQuery(reason: string): NetSuiteError {
  const detail = `Invalid search query. Detailed unprocessed description follows. ${reason}`;
  return new NetSuiteError(400, 'INVALID_PARAMETER', { detail, place: { 'o:errorQueryParam': 'q' } });
}

/** A statement that parses, but asks for what is not there or cannot be computed. */
export function searchError(reason: string): NetSuiteError {
  return badQuery(`Search error occurred: ${reason}`);
}

/** What Oracle may well run, but this simulator does not: nobody should take it for NetSuite's own refusal. */
export function notSimulated(what: string): NetSuiteError {
  return badQuery(`Not simulated: ${what}.`);
}

/** Says never why: the reason stands in the Login Audit Trail alone. */
export function invalidLogin(): NetSuiteError {
  const detail =
    'Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > Users/Roles > User Management > View Login Audit Trail.';
  return new NetSuiteError(401, 'INVALID_LOGIN', { detail });
}

export function tooManyRequests(): NetSuiteError {
  const detail = 'Concurrent request limit exceeded. Request blocked.';
  return new NetSuiteError(429, 'CONCURRENCY_LIMIT_EXCEEDED', { detail });
}

/** How RESTlets refuse what is too much. */
export const requestLimitExceeded: Answer = {
  status: 400,
  body: '{"error":{"code":"SSS_REQUEST_LIMIT_EXCEEDED","message":"Request Limit Exceeded."}}',
};

/** What stands in front of NetSuite during maintenance. */
export const maintenance: Answer = {
  status: 503,
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: '<!DOCTYPE html><html><head><title>NetSuite - Scheduled Maintenance</title></head><body><h1>NetSuite is currently unavailable.</h1></body></html>',
};

export function errorAnswer({ status, code, message, place }: NetSuiteError): Answer {
  const body = {
    type: `https://www.rfc-editor.org/rfc/rfc9110.html#section-${sections[status] ?? '15.6.1'}`,
    title: titles[status] ?? 'Internal Server Error',
    status,
    'o:errorDetails': [{ detail: message, ...place, 'o:errorCode': code }],
  };
  const headers = { 'content-type': 'application/vnd.oracle.resource+json; type=error; charset=UTF-8' };
  return { status, headers, body: JSON.stringify(body) };
}

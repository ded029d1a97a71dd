import { TransientError } from '../../../core/errors.ts';
import type { HttpResponse } from '../../../core/http.ts';
import { isObject } from '../../../core/objects.ts';

export interface SuiteQlPage {
  /** Names of columns in lower case. */
  rows: unknown[];
  /** The query has more rows than were asked for. */
  hasMore: boolean;
}

/** Reads the answer of a query; anything but the documented form is no answer, never taken for "no rows". */
export function readPage(answer: HttpResponse, what: string): SuiteQlPage {
  const body = parse(answer, what);
  const { items, hasMore } = isObject(body) ? body : {};
  if (!Array.isArray(items) || typeof hasMore !== 'boolean') {
    throw new TransientError(`${what} answered with JSON that is no result of a query.`, { malformed: true });
  }
  return { rows: items.map(foldNames), hasMore };
}

/** Oracle reserves the right to change the case of names; null columns are left out, and nothing is read into that. */
function foldNames(item: unknown): unknown {
  if (!isObject(item)) return item;
  const entries = Object.entries(item).filter(([name]) => name !== 'links');
  return Object.fromEntries(entries.map(([name, value]) => [name.toLowerCase(), value]));
}

function parse(answer: HttpResponse, what: string): unknown {
  const type = answer.headers['content-type'] ?? '';
  if (!/json/i.test(type)) {
    throw new TransientError(
      `${what} answered HTTP 200 with ${type === '' ? 'no content type' : type} instead of JSON: usually a logon or maintenance page.`,
      { malformed: true },
    );
  }
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    throw new TransientError(`${what} answered with JSON that breaks off.`, { cause: error, malformed: true });
  }
}

/** What an error answer says. */
export interface Refusal {
  /** Empty when the body has none, as HTML pages do. */
  code: string;
  /** In the language of the user: for people, never to branch on. */
  detail: string;
}

/** Reads the REST form (`o:errorDetails`) and that of RESTlets (`error.code`). */
export function readRefusal(text: string): Refusal {
  const body = parseOrNothing(text);
  const { 'o:errorDetails': details, 'o:errorCode': code, title, error } = body;
  const first: unknown = Array.isArray(details) ? details[0] : undefined;
  if (isObject(first)) {
    return { code: textOf(first['o:errorCode'] ?? code), detail: textOf(first['detail'] ?? title) };
  }
  if (isObject(error)) return { code: textOf(error['code']), detail: textOf(error['message']) };
  return { code: textOf(code ?? error), detail: textOf(body['detail'] ?? body['error_description'] ?? title) };
}

function parseOrNothing(text: string): Record<string, unknown> {
  try {
    const body: unknown = JSON.parse(text);
    return isObject(body) ? body : {};
  } catch {
    return {};
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 500) : '';
}

import { TransientError } from '../../../core/errors.ts';
import type { HttpResponse } from '../../../core/http.ts';
import { isObject } from '../../../core/objects.ts';

export interface Collection {
  rows: readonly unknown[];
  /** The server's link to the rest, as sent. */
  next: string | undefined;
}

/**
 * Reads the collection forms in the field: V4 `value`, V2 `d.results`, the bare `d` array of V1-style services, and the single
 * object that some systems send instead of an array of one. Anything else is no answer: never taken for "no rows".
 */
export function readCollection(answer: HttpResponse, what: string): Collection {
  const body = parse(answer, what);
  const inner = isObject(body) ? (body['d'] ?? body) : undefined;
  if (Array.isArray(inner)) return { rows: inner, next: undefined };
  if (isObject(inner)) {
    const rows = inner['results'] ?? inner['value'];
    const next = inner['__next'] ?? inner['@odata.nextLink'];
    if (Array.isArray(rows)) return { rows, next: typeof next === 'string' ? next : undefined };
    if (isObject(rows)) return { rows: [rows], next: undefined };
    if ('__metadata' in inner) return { rows: [inner], next: undefined };
  }
  throw new TransientError(`${what} answered with JSON that is no OData collection.`, { malformed: true });
}

/** A `$metadata` document as text; anything that is not one whole EDMX document is no answer. */
export function requireMetadata(answer: HttpResponse, what: string): string {
  if (/<(?:\w+:)?Edmx\b/.test(answer.text) && /<\/(?:\w+:)?Edmx>\s*$/.test(answer.text)) return answer.text;
  throw new TransientError(
    `${what} did not answer with a whole EDMX document: usually a logon or maintenance page. Check sapClient and auth.`,
    { malformed: true },
  );
}

function parse(answer: HttpResponse, what: string): unknown {
  const type = answer.headers['content-type'] ?? '';
  if (!/json/i.test(type)) {
    throw new TransientError(
      `${what} answered HTTP 200 with ${type === '' ? 'no content type' : type} instead of JSON: ` +
        'usually a logon or maintenance page. Check sapClient and auth.',
      { malformed: true },
    );
  }
  try {
    return JSON.parse(answer.text);
  } catch (error) {
    throw new TransientError(`${what} answered with JSON that breaks off.`, { cause: error, malformed: true });
  }
}

/** What an error body says, as ` (text)`; V2 and V4 JSON, or XML although JSON was asked for. */
export function readError(text: string): string {
  const message = fromJson(text) ?? fromXml(text);
  return message === undefined || message === '' ? '' : ` (${message.slice(0, 300)})`;
}

function fromJson(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: { code?: unknown; message?: unknown } };
    const message = isObject(error?.message) ? error.message['value'] : error?.message;
    return typeof message === 'string' ? `${String(error?.code ?? '')} ${message}`.trim() : undefined;
  } catch {
    return undefined;
  }
}

function fromXml(text: string): string | undefined {
  const [, message] = /<(?:\w+:)?message\b[^>]*>([^<]*)</.exec(text) ?? [];
  return message?.replace(/&(amp|lt|gt|quot|apos);/g, (entity, name: string) => entities[name] ?? entity);
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

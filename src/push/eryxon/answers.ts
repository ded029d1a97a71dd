import type { Clock } from '../../core/clock.ts';
import { PermanentError, TransientError } from '../../core/errors.ts';
import { type HttpResponse, retryAfterMs } from '../../core/http.ts';
import { isObject } from '../../core/objects.ts';
import type { AnswerRules } from '../transport.ts';

/** Reads what any generation of the Eryxon API answers: an envelope, a Supabase error, or neither. */
export interface Answer {
  status: number;
  /** `data` of a success; undefined otherwise. */
  data: unknown;
  code: string;
  message: string;
}

/**
 * Reads an answer. Throws TransientError for a success that is no JSON envelope (HTML, empty, broken off): it proves nothing,
 * and writes are idempotent.
 */
export function readAnswer(answer: HttpResponse, what: string): Answer {
  const body = parse(answer.text);
  const { status } = answer;
  if (status >= 200 && status < 300) {
    const data = body?.['data'];
    // Lists of this generation are arrays.
    if (body?.['success'] === true && (isObject(data) || Array.isArray(data)))
      return { status, data, code: '', message: '' };
    throw new TransientError(`The MES answered HTTP ${status} to ${what} with a body that is no success envelope.`, {
      status,
    });
  }
  const error = isObject(body?.['error']) ? body['error'] : (body ?? {});
  const text = typeof body?.['error'] === 'string' ? body['error'] : error['message'];
  const message = `${String(text ?? '')}${findingsOf(error['details'])}`.slice(0, 500);
  return { status, data: undefined, code: String(error['code'] ?? ''), message };
}

/** What a validator found, behind its own summary. */
function findingsOf(details: unknown): string {
  if (!Array.isArray(details)) return '';
  const texts = details.filter(isObject).map((finding) => String(finding['message'] ?? ''));
  return texts.length === 0 ? '' : `: ${texts.join('; ')}`;
}

/** Old generations answer a refused key with 500 and one of these texts. */
const authTexts = ['Missing or invalid authorization header', 'Invalid API key format', 'Invalid API key'];

/** Database texts that no retry will change: the record or the schema is at fault. */
const permanentTexts =
  /Could not find the|Could not embed|does not exist|duplicate key value|violates|invalid input|malformed array|unsupported Unicode|out of range|null value in column|Requested range|JSON at position|Expected property name/;

/** Covers a fault of the database during the look-up of the key as well: nobody need change the key. */
const passingAuthText = 'Authentication failed';

/** Code of the host for a function that does not start. Asking on does not help; other functions may well run. */
export const bootError = 'BOOT_ERROR';

/** Code of HTTP 402 for a create beyond what the tenant's plan has room for; changes go on. */
export const planUsedUp = 'QUOTA_EXCEEDED';

/** No wait that the MES asks for is taken to be longer than `longestWaitMs`. */
export function createAnswerRules(clock: Pick<Clock, 'now'>, longestWaitMs?: number): AnswerRules {
  return {
    refuseTransient: (answer) => refuseTransient(answer, clock.now(), longestWaitMs),
    isBootError: ({ text }) => text.includes(bootError),
    isDayUsedUp: ({ status, headers }) => status === 429 && headers['x-ratelimit-remaining'] === '0',
  };
}

/** Throws for answers that concern all requests alike: refused credentials, limits, passing faults, and successes that prove nothing. */
export function refuseTransient(answer: HttpResponse, now: Date, longestWaitMs = Number.POSITIVE_INFINITY): void {
  const { status } = answer;
  // Read in full where it is used: parsing twice would cost as much as mapping.
  if (status < 300 && !hasObjectForm(answer.text)) readAnswer(answer, 'a request');
  if (status < 400) return;
  const { code, message } = readAnswer(answer, '');
  if (code === bootError || code === planUsedUp) return;
  refuseKey(status, message);
  if (status === 402 || status === 408 || status === 429 || (status >= 500 && !permanentTexts.test(message))) {
    const asked = retryAfterMs(answer.headers, now);
    throw new TransientError(
      `The MES answered HTTP ${status}${code === '' ? '' : ` ${code}`}${message === '' ? '' : `: ${message}`}.`,
      { status, ...(asked === undefined ? {} : { retryAfterMs: Math.min(asked, longestWaitMs) }) },
    );
  }
}

function hasObjectForm(text: string): boolean {
  const bare = text.trim();
  return bare.startsWith('{') && bare.endsWith('}');
}

function refuseKey(status: number, message: string): void {
  if (status === 401 && message === passingAuthText) {
    throw new TransientError('The MES could not look up the API key (HTTP 401 Authentication failed).', { status });
  }
  if (status === 401 || status === 403 || (status === 500 && authTexts.includes(message))) {
    throw new PermanentError(`The MES refused the API key: ${message || `HTTP ${status}`}. Check mes.apiKey.`, {
      credentials: true,
    });
  }
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

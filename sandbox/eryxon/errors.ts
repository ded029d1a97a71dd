import type { Answer } from '../types.ts';

/** A refusal of the API itself: status, code and text go to the client as they are. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;
  readonly extra: Record<string, unknown>;

  constructor(
    status: number,
    code: string,
    detail: { message: string; headers?: Record<string, string>; extra?: Record<string, unknown> },
  ) {
    super(detail.message);
    this.status = status;
    this.code = code;
    this.headers = detail.headers ?? {};
    this.extra = detail.extra ?? {};
  }
}

/** What PostgreSQL says when it refuses a row. Bulk answers carry the bare text, single answers put a sentence before it. */
export class DatabaseError extends Error {}

/** 400 BAD_REQUEST, the code of everything the handlers check by hand. */
export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BAD_REQUEST', { message });
}

/** A success in the envelope of the API. */
export function success(data: unknown, status = 200, meta?: object): Answer {
  return { status, body: JSON.stringify({ success: true, data, ...(meta === undefined ? {} : { meta }) }) };
}

/** A failure in the envelope of the API; whatever is not an `ApiError` is 500 INTERNAL_ERROR, as in this generation. */
export function failure(error: unknown): Answer {
  const known = error instanceof ApiError ? error : undefined;
  const status = known?.status ?? 500;
  const message = error instanceof Error ? error.message : 'An unexpected error occurred';
  const body = { code: known?.code ?? 'INTERNAL_ERROR', message, statusCode: status, ...known?.extra };
  return { status, headers: known?.headers ?? {}, body: JSON.stringify({ success: false, error: body }) };
}

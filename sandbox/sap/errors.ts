/** A request the gateway refuses; `code` and `message` go into the error body of the protocol in use. */
export class GatewayError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'GatewayError';
    this.status = status;
    this.code = code;
  }
}

/** 400 for a `$filter`, `$orderby` or literal that cannot be read. */
export function badRequest(message: string): GatewayError {
  return new GatewayError(400, '005056A509B11EE1B9A8FEC11C21578E', message);
}

import type { IncomingMessage } from 'node:http';

/** The body is larger than is allowed. */
export class TooLargeError extends Error {
  override name = 'TooLargeError';
}

const firstBytes = 65_536;

/** Reads a body into one buffer of the announced size: the socket's own buffers of 64 kB are let go one by one. */
export async function collectBody(stream: IncomingMessage, announced: number, maxBytes: number): Promise<Buffer> {
  let body: Buffer = Buffer.allocUnsafeSlow(announced > 0 && announced <= maxBytes ? announced : firstBytes);
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const needed = length + chunk.length;
    if (needed > maxBytes || announced > maxBytes) {
      stream.destroy();
      throw new TooLargeError(`The body is larger than ${maxBytes} bytes.`);
    }
    if (needed > body.length) body = grow(body, length, Math.max(2 * body.length, needed));
    body.set(chunk, length);
    length = needed;
  }
  return body.subarray(0, length);
}

function grow(body: Buffer, length: number, bytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(bytes);
  body.copy(larger, 0, 0, length);
  release(body);
  return larger;
}

/**
 * Frees the memory of a body that `collectBody` made, at once: otherwise some fifty of a megabyte wait for the next full garbage
 * collection.
 */
export function release(body: Buffer): void {
  if (body.buffer instanceof ArrayBuffer && body.byteOffset === 0) body.buffer.transfer(0);
}

import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

/** The body is larger than is allowed. */
export class TooLargeError extends Error {
  override name = 'TooLargeError';
}

/** Reads a whole body of the announced size, 0: not announced, and resolves to what `use` makes of it; the bytes are gone then. */
export type BodyReader = <T>(stream: IncomingMessage, announced: number, use: (body: Buffer) => T) => Promise<T>;

const firstBytes = 65_536;
/** Nobody sends pages larger than this all day. */
const mostKeptBytes = 4 * 1024 * 1024;

/**
 * Reads bodies of up to `maxBytes` one after the other into the same memory: a megabyte given back to the system and asked for anew
 * costs as much as reading into it. The socket's own buffers of 64 kB are let go one by one.
 */
export function createBodyReader(maxBytes: number): BodyReader {
  let kept: Buffer | undefined;
  return async (stream, announced, use) => {
    const wanted = announced > 0 && announced <= maxBytes ? announced : firstBytes;
    const body: Body = { bytes: kept ?? Buffer.allocUnsafeSlow(wanted), length: 0 };
    // Whoever reads beside this one has memory of its own.
    kept = undefined;
    try {
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (body.length + chunk.length > maxBytes || announced > maxBytes) {
          stream.destroy();
          throw new TooLargeError(`The body is larger than ${maxBytes} bytes.`);
        }
        append(body, chunk, wanted);
      }
      return use(body.bytes.subarray(0, body.length));
    } finally {
      if (body.bytes.length <= mostKeptBytes) kept = body.bytes;
      else freeNow(body.bytes);
    }
  };
}

/** Hands a body over as it comes, unpacked; throws TooLargeError at `maxBytes`, packed or unpacked. */
export async function passBody(
  stream: IncomingMessage,
  { packed, maxBytes }: { packed: boolean; maxBytes: number },
  take: (piece: Buffer) => void,
): Promise<void> {
  let length = 0;
  const consume = async (pieces: AsyncIterable<Buffer>) => {
    for await (const piece of pieces) {
      length += piece.length;
      if (length > maxBytes) throw new TooLargeError(`The body is larger than ${maxBytes} bytes.`);
      take(piece);
    }
  };
  await (packed ? pipeline(stream, createGunzip(), consume) : pipeline(stream, consume));
}

interface Body {
  bytes: Buffer;
  length: number;
}

function append(body: Body, chunk: Buffer, wanted: number): void {
  const needed = body.length + chunk.length;
  if (needed > body.bytes.length) {
    const small = body.bytes;
    body.bytes = Buffer.allocUnsafeSlow(Math.max(2 * small.length, needed, wanted));
    body.bytes.set(small.subarray(0, body.length));
    freeNow(small);
  }
  body.bytes.set(chunk, body.length);
  body.length = needed;
}

/** Frees memory at once: otherwise some fifty megabytes wait for the next full garbage collection. */
function freeNow(bytes: Buffer): void {
  if (bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

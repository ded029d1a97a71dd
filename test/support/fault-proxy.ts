import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Where on a connection a fault begins. */
export type Phase = 'connect' | 'headers' | 'body';

/** What goes wrong on every connection; times in milliseconds. */
export type Toxic =
  | { kind: 'none' }
  /** Every byte comes so much later. */
  | { kind: 'latency'; ms: number }
  | { kind: 'bandwidth'; bytesPerSecond: number }
  /** One byte at a time. */
  | { kind: 'trickle'; everyMs: number }
  /** Bytes are swallowed, and nobody says so. */
  | { kind: 'blackhole' }
  /** The connection is reset after so many bytes. */
  | { kind: 'reset'; afterBytes: number }
  /** All bytes arrive, but the connection that should end stays open. */
  | { kind: 'slow-close' }
  /** The bytes arrive in small pieces, quickly. */
  | { kind: 'slicer'; bytes: number };

export interface FaultProxy {
  /** `http://127.0.0.1:port`. */
  origin: string;
  /** Counts for connections opened from now on. */
  set(toxic: Toxic, phase?: Phase): void;
  /** Connections from clients that are open now. */
  open(): number;
}

interface Fault {
  toxic: Toxic;
  phase: Phase;
}

/** A TCP proxy before one server on this machine that spoils what passes; it goes when the test ends. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let fault: Fault = { toxic: { kind: 'none' }, phase: 'headers' };
  const clients = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    serveConnection(client, connect({ port: Number(new URL(target).port), host: '127.0.0.1' }), fault);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const client of clients) client.destroy();
    await closed;
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set(toxic, phase = 'headers') {
      fault = { toxic, phase };
    },
    open: () => clients.size,
  };
}

function serveConnection(client: Socket, upstream: Socket, { toxic, phase }: Fault): void {
  for (const [socket, other] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    socket.on('error', () => other.destroy());
  }
  client.on('close', () => upstream.destroy());
  const answer = createLine(client, toxic);
  // A fault at connect spoils the way there already; the kernel accepts whatever we do.
  const question = phase === 'connect' ? createLine(upstream, toxic) : clean(upstream);
  client.on('data', (chunk: Buffer) => question.send(chunk));
  client.on('end', () => {
    // A client that half closes has given up: HTTP clients do not speak like that.
    client.destroy();
  });
  const split =
    phase === 'body' ? createHeadSplitter() : (chunk: Buffer): [Buffer, Buffer] => [chunk.subarray(0, 0), chunk];
  upstream.on('data', (chunk: Buffer) => {
    const [head, rest] = split(chunk);
    if (head.length > 0) client.write(head);
    if (rest.length > 0) answer.send(rest);
  });
  upstream.on('end', () => answer.end());
}

/** Parts a stream at the end of the first answer's headers: what is before passes unspoilt. */
function createHeadSplitter(): (chunk: Buffer) => [Buffer, Buffer] {
  let seen = '';
  return (chunk) => {
    const before = seen.length;
    if (seen.includes('\r\n\r\n')) return [chunk.subarray(0, 0), chunk];
    seen += chunk.toString('latin1');
    const end = seen.indexOf('\r\n\r\n');
    const cut = end < 0 ? chunk.length : end + 4 - before;
    return [chunk.subarray(0, cut), chunk.subarray(cut)];
  };
}

/** One direction of a connection. */
interface Line {
  send(chunk: Buffer): void;
  end(): void;
}

function clean(socket: Socket): Line {
  return { send: (chunk) => void socket.write(chunk), end: () => void socket.end() };
}

function createLine(socket: Socket, toxic: Toxic): Line {
  switch (toxic.kind) {
    case 'none':
      return clean(socket);
    case 'latency':
      return delayed(socket, toxic.ms);
    case 'bandwidth':
      return paced(socket, { bytes: Math.max(1, Math.round(toxic.bytesPerSecond / 50)), everyMs: 20 });
    case 'trickle':
      return paced(socket, { bytes: 1, everyMs: toxic.everyMs });
    case 'blackhole':
      return { send: () => undefined, end: () => undefined };
    case 'reset':
      return resetting(socket, toxic.afterBytes);
    case 'slow-close':
      return { send: (chunk) => void socket.write(chunk), end: () => undefined };
    case 'slicer':
      return sliced(socket, toxic.bytes);
  }
}

function delayed(socket: Socket, ms: number): Line {
  const timers = new Set<NodeJS.Timeout>();
  socket.on('close', () => {
    for (const timer of timers) clearTimeout(timer);
  });
  const later = (action: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      action();
    }, ms);
    timers.add(timer);
  };
  return {
    send: (chunk) => later(() => void socket.write(chunk)),
    end: () => later(() => void socket.end()),
  };
}

function paced(socket: Socket, { bytes, everyMs }: { bytes: number; everyMs: number }): Line {
  let waiting = Buffer.alloc(0);
  let ended = false;
  const timer = setInterval(() => {
    if (waiting.length > 0) socket.write(waiting.subarray(0, bytes));
    waiting = waiting.subarray(bytes);
    if (ended && waiting.length === 0) socket.end();
  }, everyMs);
  socket.on('close', () => clearInterval(timer));
  return {
    send(chunk) {
      waiting = Buffer.concat([waiting, chunk]);
    },
    end() {
      ended = true;
    },
  };
}

function resetting(socket: Socket, afterBytes: number): Line {
  let left = afterBytes;
  return {
    send(chunk) {
      const piece = chunk.subarray(0, left);
      left -= piece.length;
      const reset = (): void => void (left === 0 && socket.resetAndDestroy());
      if (piece.length === 0) reset();
      else socket.write(piece, reset);
    },
    end: () => void socket.resetAndDestroy(),
  };
}

function sliced(socket: Socket, bytes: number): Line {
  socket.setNoDelay(true);
  return {
    send(chunk) {
      for (let from = 0; from < chunk.length; from += bytes) socket.write(chunk.subarray(from, from + bytes));
    },
    end: () => void socket.end(),
  };
}

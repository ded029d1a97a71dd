import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createEventBus, type EventBus } from '../../src/core/events.ts';
import { createHttpClient, type HttpClient, type HttpOptions } from '../../src/core/http.ts';

/** A real server on a free loopback port that goes when the test ends. */
export interface Loopback {
  port: number;
  origin: string;
  /** Connections open now, and ever. */
  open(): number;
  accepted(): number;
  /** Resolves when no connection is open. */
  idle(): Promise<void>;
}

export function serveHttp(listener: RequestListener): Promise<Loopback> {
  return listen(createServer({ keepAliveTimeout: 60_000 }, listener), 'http');
}

export function serveTls(identity: { cert: string; key: string }, listener: RequestListener): Promise<Loopback> {
  return listen(createTlsServer(identity, listener), 'https');
}

export function serveTcp(listener: (socket: Socket) => void): Promise<Loopback> {
  const begin = (socket: Socket) => {
    // Read, or the other side's goodbye would never be noticed.
    socket.resume();
    listener(socket);
  };
  return listen(createTcpServer(begin), 'http');
}

async function listen(server: Server, scheme: string): Promise<Loopback> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  let onIdle: () => void = () => undefined;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0) onIdle();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `${scheme}://127.0.0.1:${port}`,
    open: () => sockets.size,
    accepted: () => accepted,
    idle: () =>
      new Promise((resolve) => {
        if (sockets.size === 0) resolve();
        onIdle = resolve;
      }),
  };
}

/** A client of the real clock that is closed when the test ends. */
export function clientOf(origin: string, rest: Partial<HttpOptions> = {}): HttpClient {
  const client = createHttpClient({
    origin,
    system: 'erp',
    name: 'plant',
    deadlineMs: 5000,
    maxBytes: 10 * 1_048_576,
    clock: systemClock,
    events: quietBus(),
    ...rest,
  });
  onTestFinished(() => client.close());
  return client;
}

export function quietBus(): EventBus {
  return createEventBus((error) => {
    throw error;
  });
}

export const never = new AbortController().signal;

/** What a call throws, with its duration on the real clock. */
export async function failureOf(call: Promise<unknown>): Promise<{ error: Error; ms: number }> {
  const started = performance.now();
  try {
    await call;
  } catch (error) {
    return { error: error as Error, ms: performance.now() - started };
  }
  throw new Error('The call was answered, but it was to fail.');
}

import { createServer, type RequestListener, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../../src/core/clock.ts';
import { TransientError } from '../../../../src/core/errors.ts';
import { createHastyClock, never } from '../../../support/connector-context.ts';
import { createFakeClock } from '../../../support/fake-clock.ts';
import { openClient } from '../../../support/odata-client.ts';

// What a mock cannot do: answers that trickle, and connections that break. A real server on loopback does.
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

const query = { path: '/SRV/Set', top: 2 };
const json = { 'content-type': 'application/json' };
const good = JSON.stringify({ value: [{ Id: '1' }] });

describe('a connection that fails', () => {
  it.each([
    ['before the answer', false],
    ['in the middle of it', true],
  ])('%s is tried again', async (_when, late) => {
    let requests = 0;
    const origin = await serve((request, response) => {
      requests += 1;
      if (requests > 1) return response.writeHead(200, json).end(good);
      if (!late) return request.socket.resetAndDestroy();
      response.writeHead(200, { ...json, 'content-length': String(good.length) });
      return response.write(good.slice(0, 5), () => request.socket.resetAndDestroy());
    });
    expect(await openClient({ origin }).client.rows(query, never)).toEqual([{ Id: '1' }]);
    expect(requests).toBe(2);
  });

  it('every time ends as a passing fault that names who and where', async () => {
    const origin = await serve((request) => request.socket.resetAndDestroy());
    const error = await openClient({ origin, clock: createHastyClock() })
      .client.rows(query, never)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/plant-1: GET http:\/\/127\.0\.0\.1:\d+\/SRV\/Set failed: ECONNRESET\.$/);
  });

  it('by sending less than it promised is not taken for the answer', async () => {
    const origin = await serve((request, response) => {
      response.writeHead(200, { ...json, 'content-length': String(good.length + 1) });
      response.write(good, () => request.socket.destroy());
    });
    await expect(openClient({ origin }).client.rows(query, never)).rejects.toThrow(TransientError);
  });
});

describe('an answer that never ends', () => {
  it('is given up at the deadline, although every byte renews the silence', async () => {
    const clock = createFakeClock(new Date('2026-10-01T08:00:00Z'));
    let begun = 0;
    const trickling = Promise.withResolvers<void>();
    const origin = await serve((_request, response) => {
      begun += 1;
      response.writeHead(200, json);
      response.write('{', () => trickling.resolve());
    });
    const { client } = openClient({ origin, clock, http: { deadlineMs: 5000 } });
    const failed = client.rows(query, never).catch((error: unknown) => error);
    await trickling.promise;
    const giveUp = async (): Promise<unknown> => {
      for (;;) {
        const done = await Promise.race([failed, clock.advance(5000).then(() => undefined)]);
        if (done !== undefined) return done;
      }
    };
    const error = await giveUp();
    expect(error).toBeInstanceOf(TransientError);
    expect(String(error)).toMatch(/did not finish within 5 s\.$/);
    expect(begun).toBeGreaterThan(1);
    expect(clock.pending()).toBe(0);
  });

  it('ends at once when the daemon stops, by its own reason', async () => {
    const controller = new AbortController();
    const waiting = Promise.withResolvers<void>();
    const origin = await serve(() => waiting.resolve());
    const asking = openClient({ origin }).client.rows(query, controller.signal);
    await waiting.promise;
    controller.abort(new Error('Stopping.'));
    await expect(asking).rejects.toThrow('Stopping.');
  });
});

describe('a pause between tries', () => {
  it('ends at once when the daemon stops', async () => {
    const controller = new AbortController();
    const origin = await serve((_request, response) => response.writeHead(503).end());
    const base = createHastyClock();
    const clock: Clock = {
      ...base,
      async sleep() {
        controller.abort(new Error('Stopping.'));
        controller.signal.throwIfAborted();
      },
    };
    await expect(openClient({ origin, clock }).client.rows(query, controller.signal)).rejects.toThrow('Stopping.');
  });
});

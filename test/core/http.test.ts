import { getEventListeners } from 'node:events';
import { createGzip, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../src/core/errors.ts';
import type { Events } from '../../src/core/events.ts';
import { clientOf, failureOf, never, quietBus, serveHttp, serveTcp } from '../support/loopback.ts';

const get = { method: 'GET', path: '/orders' } as const;
const deadlineMs = 400;

describe('an HTTP client', () => {
  it('sends method, path, query, headers and body as they were given', async () => {
    const seen: unknown[] = [];
    const server = await serveHttp((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        const { authorization, 'x-extra': extra } = request.headers;
        seen.push([request.method, request.url, authorization, extra, body]);
        response.end('{}');
      });
    });
    const client = clientOf(server.origin, { headers: { Authorization: 'Bearer k' } });
    const path = "/a/Orders('1%2F2')?$filter=Name%20eq%20'O''Brien%2B1'&$top=5";
    await client.request(
      { method: 'PATCH', path, headers: { 'X-Extra': 'ü'.normalize('NFD').slice(0, 1) }, body: '{"ä":1}' },
      never,
    );
    const sent = path.replaceAll("'", '%27');
    const [first] = seen as string[][];
    expect([first?.[0], first?.[1]?.replaceAll("'", '%27'), ...(first?.slice(2) ?? [])]).toEqual([
      'PATCH',
      sent,
      'Bearer k',
      'u',
      '{"ä":1}',
    ]);
  });

  it.each([200, 201, 204, 400, 401, 404, 429, 500, 503])('hands out an answer of status %i', async (status) => {
    const server = await serveHttp((_request, response) => {
      response.writeHead(status, { 'X-Kind': 'Some', 'Retry-After': '7' });
      response.end(status === 204 ? undefined : 'text');
    });
    const answer = await clientOf(server.origin).request(get, never);
    expect(answer).toMatchObject({ status, text: status === 204 ? '' : 'text' });
    expect(answer.headers).toMatchObject({ 'x-kind': 'Some', 'retry-after': '7' });
  });

  it('reads answers packed with gzip and asks for nothing else', async () => {
    const text = JSON.stringify({ name: 'Säge', rows: Array.from({ length: 500 }, (_, index) => index) });
    const asked: unknown[] = [];
    const server = await serveHttp((request, response) => {
      asked.push(request.headers['accept-encoding']);
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(text));
    });
    expect((await clientOf(server.origin).request(get, never)).text).toBe(text);
    expect(asked).toEqual(['gzip']);
  });

  it('takes a packed answer that is broken off for a passing fault', async () => {
    const packed = gzipSync('x'.repeat(5000));
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(packed.subarray(0, packed.length - 12));
    });
    const { error } = await failureOf(clientOf(server.origin).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
  });

  it('tells every request that came back, and with status 0 every one that did not', async () => {
    const done: Events['request:done'][] = [];
    const events = quietBus();
    events.on('request:done', (event) => done.push(event));
    const server = await serveHttp((request, response) => {
      if (request.url === '/reset') request.socket.resetAndDestroy();
      else response.writeHead(503).end();
    });
    const client = clientOf(server.origin, { events });
    await client.request(get, never);
    await failureOf(client.request({ method: 'GET', path: '/reset' }, never));
    expect(done.map(({ system, name, status }) => [system, name, status])).toEqual([
      ['erp', 'plant', 503],
      ['erp', 'plant', 0],
    ]);
    expect(done.every(({ durationMs }) => durationMs > 0)).toBe(true);
  });

  it('takes secrets out of what an error page echoes', async () => {
    const server = await serveHttp((request, response) => {
      response.writeHead(request.url === '/ok' ? 200 : 400);
      response.end('you sent s3cret');
    });
    const client = clientOf(server.origin, { redact: (text) => text.replaceAll('s3cret', '[redacted]') });
    expect((await client.request(get, never)).text).toBe('you sent [redacted]');
    // Data is data: a record may hold the same letters.
    expect((await client.request({ method: 'GET', path: '/ok' }, never)).text).toBe('you sent s3cret');
  });

  it('never names the query in an error, for values and tokens may stand there', async () => {
    const server = await serveTcp((socket) => socket.destroy());
    const { error } = await failureOf(clientOf(server.origin).request({ method: 'GET', path: '/x?token=abc' }, never));
    expect(error.message).toContain(`plant: GET ${server.origin}/x `);
    expect(error.message).not.toContain('abc');
  });
});

describe('the deadline of a request', () => {
  it('ends a body that trickles for ever', async () => {
    const server = await serveHttp((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'), 30);
      response.on('close', () => clearInterval(timer));
    });
    const { error, ms } = await failureOf(clientOf(server.origin, { deadlineMs }).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('did not finish within 0.4 s');
    expect(ms).toBeGreaterThan(deadlineMs / 2);
    expect(ms).toBeLessThan(deadlineMs + 1000);
    await server.idle();
  });

  it.each([
    ['headers that never come', () => undefined],
    ['headers that trickle', (socket: { write(text: string): unknown }) => socket.write('HTTP/1.1 200 OK\r\nX-')],
    [
      'a body that falls silent',
      (socket: { write(text: string): unknown }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab'),
    ],
  ])('ends %s', async (_what, begin) => {
    const server = await serveTcp((socket) => {
      socket.once('data', () => begin(socket));
    });
    const { error, ms } = await failureOf(clientOf(server.origin, { deadlineMs }).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(ms).toBeLessThan(deadlineMs + 1000);
    await server.idle();
  });

  it('ends an upload that the other side does not read', async () => {
    const server = await serveTcp((socket) => void socket.pause());
    const body = 'x'.repeat(8 * 1_048_576);
    const call = clientOf(server.origin, { deadlineMs }).request({ method: 'POST', path: '/', body }, never);
    const { error, ms } = await failureOf(call);
    expect(error).toBeInstanceOf(TransientError);
    expect(ms).toBeLessThan(deadlineMs + 1000);
  });

  it('does not end one that is answered in time, and leaves no listener on the signal', async () => {
    const server = await serveHttp((_request, response) => void response.end('ok'));
    const client = clientOf(server.origin);
    const { signal } = new AbortController();
    for (let each = 0; each < 30; each += 1) await client.request(get, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(server.accepted()).toBe(1);
  });
});

describe('a connection', () => {
  it.each([0, 1, 16, 40])('that is reset after %i bytes of the answer is a passing fault', async (bytes) => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"value":[]}';
    const server = await serveTcp((socket) => {
      socket.once('data', () => socket.write(answer.slice(0, bytes), () => socket.resetAndDestroy()));
    });
    const { error } = await failureOf(clientOf(server.origin).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/failed: \w+/);
  });

  it('that closes in the middle of a body is a passing fault, never a short answer', async () => {
    const server = await serveTcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"value":[]}'));
    });
    expect((await failureOf(clientOf(server.origin).request(get, never))).error).toBeInstanceOf(TransientError);
  });

  it('that nobody accepts, and a name that nobody knows, are passing faults', async () => {
    for (const origin of ['http://127.0.0.1:1', 'http://no-such-host.invalid']) {
      expect((await failureOf(clientOf(origin).request(get, never))).error).toBeInstanceOf(TransientError);
    }
  });

  it('is given back after every kind of fault', async () => {
    let count = 0;
    const server = await serveHttp((request, response) => {
      count += 1;
      if (count % 3 === 0) request.socket.resetAndDestroy();
      else if (count % 3 === 1) response.write('half');
      else response.end('whole');
    });
    const client = clientOf(server.origin, { deadlineMs: 150 });
    const calls = Array.from({ length: 60 }, () => client.request(get, never).catch((error: unknown) => error));
    const results = await Promise.all(calls);
    expect(results.filter((result) => result instanceof TransientError).length).toBeGreaterThanOrEqual(40);
    expect(server.open()).toBeLessThanOrEqual(16);
    // The platform still opens connections for requests that were given up while they queued: closed once they are idle.
    const openAfterClose = () => {
      client.close();
      return server.open();
    };
    await expect.poll(openAfterClose, { timeout: 2000, interval: 20 }).toBe(0);
  });
});

describe('a signal', () => {
  it('that aborts ends the request at once with its own reason', async () => {
    const server = await serveTcp(() => undefined);
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const call = failureOf(clientOf(server.origin).request(get, controller.signal));
    setImmediate(() => controller.abort(reason));
    const { error, ms } = await call;
    expect(error).toBe(reason);
    expect(ms).toBeLessThan(1000);
  });

  it('that has aborted already lets nothing out', async () => {
    const server = await serveHttp((_request, response) => void response.end());
    await failureOf(clientOf(server.origin).request(get, AbortSignal.abort(new Error('over'))));
    expect(server.accepted()).toBe(0);
  });
});

describe('an answer', () => {
  const maxBytes = 10 * 1_048_576;

  it.each([true, false])('larger than the cap is refused for good (length announced: %s)', async (announced) => {
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, announced ? { 'content-length': String(maxBytes + 1) } : {});
      response.end('x'.repeat(maxBytes + 1));
    });
    const { error } = await failureOf(clientOf(server.origin, { maxBytes }).request(get, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain(`more than ${maxBytes} bytes`);
    expect(error).toHaveProperty('tooLarge', true);
  });

  it.each([
    ['erp', 'Raise maxResponseMegabytes; where this ERP is read by pages, a smaller pageSize helps as well.'],
    ['mes', 'See that mes.url is the address of Eryxon.'],
    ['mes', 'one record is too large, and has to be shortened in the MES; after a POST use a smaller mes.batchSize.'],
  ] as const)('that is too large names the settings of the %s that help', async (system, todo) => {
    const server = await serveHttp((_request, response) => response.end('x'.repeat(200)));
    const { error } = await failureOf(clientOf(server.origin, { maxBytes: 100, system }).request(get, never));
    expect(error.message).toContain(todo);
  });

  it('just as large as the cap is taken', async () => {
    const server = await serveHttp((_request, response) => void response.end('x'.repeat(1000)));
    const answer = await clientOf(server.origin, { maxBytes: 1000 }).request(get, never);
    expect(answer.text).toHaveLength(1000);
  });

  it('of 300 KB that unpacks to 300 MB is refused in bounded memory', async () => {
    const bomb = await packedZeros(300);
    expect(bomb.length).toBeLessThan(400_000);
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(bomb);
    });
    const before = process.resourceUsage().maxRSS;
    const { error } = await failureOf(clientOf(server.origin, { maxBytes }).request(get, never));
    expect(error).toBeInstanceOf(PermanentError);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024);
  });
});

describe('a body that is received piece by piece', () => {
  const text = JSON.stringify(Array.from({ length: 50_000 }, (_, index) => `Größe ${index}`));
  const receiving = () => {
    const bodies: Buffer[][] = [];
    const receive = () => {
      const pieces: Buffer[] = [];
      bodies.push(pieces);
      return (piece: Buffer) => void pieces.push(piece);
    };
    return { request: { ...get, receive }, bodies: () => bodies.map((pieces) => Buffer.concat(pieces).toString()) };
  };

  it.each([true, false])('comes whole and unpacked, and not as text (packed: %s)', async (packed) => {
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, packed ? { 'content-encoding': 'gzip' } : {});
      response.end(packed ? gzipSync(text) : text);
    });
    const { request, bodies } = receiving();
    expect((await clientOf(server.origin).request(request, never)).text).toBe('');
    expect(bodies()).toEqual([text]);
  });

  it('is text where the answer is an error', async () => {
    const server = await serveHttp((_request, response) => void response.writeHead(500).end('out of order'));
    const { request, bodies } = receiving();
    expect((await clientOf(server.origin).request(request, never)).text).toBe('out of order');
    expect(bodies()).toEqual([]);
  });

  it.each([true, false])('is refused for good at the cap (packed: %s)', async (packed) => {
    const server = await serveHttp((_request, response) => {
      response.writeHead(200, packed ? { 'content-encoding': 'gzip' } : {});
      response.end(packed ? gzipSync(text) : text);
    });
    const { error } = await failureOf(
      clientOf(server.origin, { maxBytes: 100_000 }).request(receiving().request, never),
    );
    expect(error).toBeInstanceOf(PermanentError);
    expect(error.message).toContain('more than 100000 bytes');
  });

  it.each([true, false])('that breaks off is a passing fault (packed: %s)', async (packed) => {
    const server = await serveHttp((_request, response) => {
      const whole = packed ? gzipSync(text) : Buffer.from(text);
      const headers = packed ? { 'content-encoding': 'gzip' } : {};
      response.writeHead(200, { ...headers, 'content-length': String(whole.length) });
      response.write(whole.subarray(0, whole.length - 20), () => response.socket?.destroy());
    });
    const { error } = await failureOf(clientOf(server.origin).request(receiving().request, never));
    expect(error).toBeInstanceOf(TransientError);
  });

  it('that trickles for ever is ended by the deadline', async () => {
    const server = await serveHttp((_request, response) => {
      const drip = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(drip));
    });
    const { error } = await failureOf(clientOf(server.origin, { deadlineMs }).request(receiving().request, never));
    expect(error).toMatchObject({ expired: true });
  });
});

async function packedZeros(megabytes: number): Promise<Buffer> {
  const gzip = createGzip();
  const chunk = Buffer.alloc(1_048_576);
  const packed = (async () => {
    const parts: Buffer[] = [];
    for await (const part of gzip as AsyncIterable<Buffer>) parts.push(part);
    return Buffer.concat(parts);
  })();
  for (let each = 0; each < megabytes; each += 1) {
    if (!gzip.write(chunk)) await new Promise((resolve) => gzip.once('drain', resolve));
  }
  gzip.end();
  return packed;
}

describe('a redirect', () => {
  it.each([300, 301, 302, 303, 307, 308])(
    'with status %i is refused and nothing is sent to the other host',
    async (status) => {
      const other = await serveHttp((_request, response) => void response.end('stolen'));
      const server = await serveHttp((_request, response) => {
        response.writeHead(status, { location: `${other.origin}/orders` });
        response.end();
      });
      const headers = { Authorization: 'Bearer s3cret', 'X-API-Key': 's3cret' };
      const client = clientOf(server.origin, { headers });
      for (const method of ['GET', 'POST'] as const) {
        const { error } = await failureOf(
          client.request({ method, path: '/orders', ...(method === 'POST' ? { body: '{}' } : {}) }, never),
        );
        expect(error).toBeInstanceOf(PermanentError);
        expect(error.message).toContain(`HTTP ${status}`);
        expect(error.message).not.toContain('s3cret');
      }
      expect(other.accepted()).toBe(0);
    },
  );

  it('to the same host is refused too', async () => {
    const paths: unknown[] = [];
    const server = await serveHttp((request, response) => {
      paths.push(request.url);
      response.writeHead(302, { location: '/logon' });
      response.end();
    });
    await failureOf(clientOf(server.origin).request(get, never));
    expect(paths).toEqual(['/orders']);
  });
});

describe('a path', () => {
  it('that names another host is sent nowhere but to the configured one', async () => {
    const other = await serveHttp((_request, response) => void response.end('stolen'));
    const server = await serveHttp((_request, response) => void response.end('own'));
    const client = clientOf(server.origin, { headers: { 'X-API-Key': 's3cret' } });
    const { host } = new URL(other.origin);
    for (const path of [`${other.origin}/x`, `//${host}/x`, `\\\\${host}/x`, `@${host}/x`, `:80@${host}/x`]) {
      await client.request({ method: 'GET', path }, never).catch((error: unknown) => error);
    }
    expect(other.accepted()).toBe(0);
  });
});

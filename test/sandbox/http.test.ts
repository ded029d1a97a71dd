import { Agent, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { type Exchange, type Handler, serve } from '../../sandbox/http.ts';
import { createRandom } from '../../sandbox/random.ts';
import type { Answer, Faults, Simulator } from '../../sandbox/types.ts';

interface Reply {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

const running: Simulator[] = [];

afterEach(async () => {
  for (const simulator of running.splice(0)) await simulator.stop();
});

async function start(handler: Handler, options: { seed?: number; faults?: Faults; date?: Date } = {}) {
  const { seed = 1, faults = {}, date } = options;
  const simulator = await serve(handler, {
    random: createRandom(seed),
    ...(date === undefined ? {} : { dateHeader: () => date }),
  });
  simulator.setFaults(faults);
  running.push(simulator);
  return simulator;
}

function call(url: string, options: { headers?: Record<string, string>; agent?: Agent; body?: string } = {}) {
  return new Promise<Reply>((resolve, reject) => {
    const method = options.body === undefined ? 'GET' : 'POST';
    const outgoing = request(url, { method, headers: options.headers, agent: options.agent }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(options.body);
  });
}

async function outcome(url: string): Promise<string> {
  try {
    return String((await call(url)).status);
  } catch (error) {
    return (error as { code?: string }).code ?? 'error';
  }
}

const ok: Answer = { status: 200, body: '{"success":true,"data":[1,2,3]}' };

describe('serve', () => {
  it('hands the handler a decoded path, the raw query and the whole body', async () => {
    const seen: Exchange[] = [];
    const simulator = await start((exchange) => {
      seen.push(exchange);
      return ok;
    });
    await call(`${simulator.url}/Orders(%271%27)?$filter=a%20eq%20%27%2B%27&b=1+2`, { body: 'Grüße' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      method: 'POST',
      path: "/Orders('1')",
      query: '$filter=a%20eq%20%27%2B%27&b=1+2',
      body: 'Grüße',
    });
  });

  it('counts requests by method and path', async () => {
    const simulator = await start(() => ok);
    await call(`${simulator.url}/a?x=1`);
    await call(`${simulator.url}/a?x=2`);
    await call(`${simulator.url}/b`, { body: '{}' });
    expect(simulator.requests()).toEqual({ total: 3, byPath: { 'GET /a': 2, 'POST /b': 1 } });
  });

  it('compresses answers of more than 1 KB for clients that accept gzip, and no others', async () => {
    const large = JSON.stringify({ text: 'x'.repeat(2000) });
    const simulator = await start(({ path }) => ({ status: 200, body: path === '/large' ? large : '{}' }));
    const headers = { 'accept-encoding': 'deflate, gzip' };
    const zipped = await call(`${simulator.url}/large`, { headers });
    expect(zipped.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(zipped.body).toString()).toBe(large);
    for (const plain of [await call(`${simulator.url}/large`), await call(`${simulator.url}/small`, { headers })]) {
      expect(plain.headers['content-encoding']).toBeUndefined();
    }
    const refused = await call(`${simulator.url}/large`, { headers: { 'accept-encoding': 'gzip;q=0' } });
    expect(refused.body.toString()).toBe(large);
  });

  it('takes the Date header from the simulated clock', async () => {
    const simulator = await start(() => ok, { date: new Date('2026-03-01T12:00:00Z') });
    expect((await call(simulator.url)).headers['date']).toBe('Sun, 01 Mar 2026 12:00:00 GMT');
  });

  it('answers 500 with the reason when the handler throws', async () => {
    const simulator = await start(() => {
      throw new Error('no such table');
    });
    const reply = await call(simulator.url);
    expect(reply.status).toBe(500);
    expect(reply.body.toString()).toContain('no such table');
  });

  it('stops at once although a client keeps its connection open', async () => {
    const simulator = await start(() => ok);
    const agent = new Agent({ keepAlive: true });
    await call(simulator.url, { agent });
    const before = performance.now();
    await simulator.stop();
    expect(performance.now() - before).toBeLessThan(3000);
    agent.destroy();
  });
});

describe('faults', () => {
  it('injects the same faults for the same seed', async () => {
    const faults: Faults = { serverError: 0.3, reset: 0.2, html: 0.1, tooManyRequests: 0.2 };
    const runs: string[][] = [];
    for (let run = 0; run < 2; run += 1) {
      const simulator = await start(() => ok, { seed: 42, faults });
      const results: string[] = [];
      for (let count = 0; count < 40; count += 1) results.push(await outcome(simulator.url));
      runs.push(results);
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(new Set(runs[0])).toEqual(new Set(['200', '429', '500', '502', '503', 'ECONNRESET']));
  });

  it('answers 429 with Retry-After 1 before the request takes effect', async () => {
    let handled = 0;
    const simulator = await start(
      () => {
        handled += 1;
        return ok;
      },
      { faults: { tooManyRequests: 1 } },
    );
    const reply = await call(simulator.url);
    expect(reply.status).toBe(429);
    expect(reply.headers['retry-after']).toBe('1');
    expect(handled).toBe(0);
  });

  it.each(['serverError', 'reset'] as const)(
    'injects %s in about half of the cases after it took effect',
    async (kind) => {
      let handled = 0;
      const simulator = await start(
        () => {
          handled += 1;
          return ok;
        },
        { faults: { [kind]: 1 } },
      );
      for (let count = 0; count < 100; count += 1) {
        const result = await outcome(simulator.url);
        expect(result).toMatch(kind === 'reset' ? /ECONNRESET/ : /^50[023]$/);
      }
      expect(handled).toBeGreaterThan(30);
      expect(handled).toBeLessThan(70);
    },
  );

  it('answers a logon page with status 200 without the request taking effect', async () => {
    let handled = 0;
    const simulator = await start(
      () => {
        handled += 1;
        return ok;
      },
      { faults: { html: 1 } },
    );
    const reply = await call(simulator.url);
    expect(reply.status).toBe(200);
    expect(reply.headers['content-type']).toMatch(/^text\/html/);
    expect(handled).toBe(0);
  });

  it('cuts the JSON in the middle after the request took effect', async () => {
    let handled = 0;
    const simulator = await start(
      () => {
        handled += 1;
        return ok;
      },
      { faults: { truncate: 1 } },
    );
    const reply = await call(simulator.url);
    expect(reply.status).toBe(200);
    expect(ok.body.startsWith(reply.body.toString())).toBe(true);
    expect(() => JSON.parse(reply.body.toString())).toThrow();
    expect(handled).toBe(1);
  });

  it('trickles an answer over about three seconds, and sometimes for ever', async () => {
    const body = JSON.stringify({ text: 'x'.repeat(300) });
    const simulator = await start(() => ({ status: 200, body }), { seed: 3, faults: { trickle: 1 } });
    const before = performance.now();
    const results = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const signal = AbortSignal.timeout(12_000);
        try {
          return await (await fetch(simulator.url, { signal })).text();
        } catch {
          return 'endless';
        }
      }),
    );
    expect(performance.now() - before).toBeGreaterThan(2500);
    expect(new Set(results)).toEqual(new Set([body, 'endless']));
  });

  it('ends an endless answer when the simulator stops', async () => {
    const simulator = await start(() => ok, { seed: 3, faults: { trickle: 1 } });
    const results = Array.from({ length: 12 }, () => outcome(simulator.url));
    await new Promise((resolve) => setTimeout(resolve, 200));
    await simulator.stop();
    expect(await Promise.all(results)).toContain('ECONNRESET');
  });
});

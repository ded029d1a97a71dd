import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';
import { TransientError } from '../../src/core/errors.ts';
import type { HttpClient, HttpRequest } from '../../src/core/http.ts';
import { type Phase, startFaultProxy, type Toxic } from '../support/fault-proxy.ts';
import { clientOf, failureOf, never, serveHttp, serveTcp, serveTls } from '../support/loopback.ts';

/** A second of the fault is a hundredth here: a deadline of 30 s is 300 ms, a byte a second is one every 10 ms. */
const deadlineMs = 300;
const graceMs = 1000;

let sandbox: Sandbox;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 5, records: 400 });
  onTestFinished(() => sandbox.stop());
});

interface Side {
  system: 'erp' | 'mes';
  url(): string;
  headers(): Record<string, string>;
  request: HttpRequest;
}

const orders = '/sap/opu/odata/sap/API_PRODUCTION_ORDER_2_SRV/A_ProductionOrderOperation_2';
const job = { external_id: '1', external_source: 'SAP', job_number: '1' };
const sides: readonly Side[] = [
  {
    system: 'erp',
    url: () => sandbox.sap.url,
    headers() {
      const { username, password } = sandbox.sap.credentials;
      return { Authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` };
    },
    request: { method: 'GET', path: `${orders}?$top=200&$format=json&sap-client=100` },
  },
  {
    system: 'mes',
    url: () => sandbox.mes.url,
    headers: () => ({ Authorization: `Bearer ${sandbox.mes.apiKey}`, 'Content-Type': 'application/json' }),
    request: { method: 'PUT', path: '/functions/v1/api-jobs/sync', body: JSON.stringify(job) },
  },
];

const phases: readonly Phase[] = ['connect', 'headers', 'body'];

function clientThrough(origin: string, side: Side): HttpClient {
  return clientOf(origin, { system: side.system, headers: side.headers(), deadlineMs });
}

const spoiling: readonly Toxic[] = [
  { kind: 'latency', ms: 10_000 },
  { kind: 'bandwidth', bytesPerSecond: 50 },
  { kind: 'trickle', everyMs: 10 },
  { kind: 'blackhole' },
  { kind: 'reset', afterBytes: 0 },
  { kind: 'reset', afterBytes: 1 },
  { kind: 'reset', afterBytes: 7 },
];

const cases = sides.flatMap((side) =>
  phases.flatMap((phase) => spoiling.map((toxic) => ({ side, phase, toxic, name: JSON.stringify(toxic) }))),
);

describe('every call ends within its deadline and a second', () => {
  it.each(cases)('$side.system, from $phase on: $name', async ({ side, phase, toxic }) => {
    const proxy = await startFaultProxy(side.url());
    proxy.set(toxic, phase);
    const { error, ms } = await failureOf(clientThrough(proxy.origin, side).request(side.request, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toMatch(/did not finish within 0\.3 s|failed: \w+/);
    expect(ms).toBeLessThan(deadlineMs + graceMs);
    await expect.poll(() => proxy.open(), { interval: 10 }).toBe(0);
  });

  it.each(sides)('$system: whatever is late but in time, sliced or slow to close is answered whole', async (side) => {
    const proxy = await startFaultProxy(side.url());
    const plain = await clientOf(side.url(), { headers: side.headers() }).request(side.request, never);
    for (const toxic of [{ kind: 'slicer', bytes: 3 }, { kind: 'latency', ms: 20 }, { kind: 'slow-close' }] as const) {
      for (const phase of phases) {
        proxy.set(toxic, phase);
        const client = clientOf(proxy.origin, { system: side.system, headers: side.headers() });
        const { status, text } = await client.request(side.request, never);
        expect(status).toBeLessThan(300);
        expect(text.length).toBeGreaterThan(plain.text.length * 0.9);
        client.close();
      }
    }
  });

  it('an answer that only the end of the connection ends, which never comes', async () => {
    const server = await serveTcp((socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"d":'));
    });
    const proxy = await startFaultProxy(server.origin);
    proxy.set({ kind: 'slow-close' });
    const client = clientOf(proxy.origin, { deadlineMs });
    const { error, ms } = await failureOf(client.request({ method: 'GET', path: '/' }, never));
    expect(error.message).toContain('did not finish within 0.3 s');
    expect(ms).toBeLessThan(deadlineMs + graceMs);
  });

  it('a name that nobody knows, a port that nobody listens on, an IPv6 address that leads nowhere', async () => {
    for (const origin of ['http://no-such-host.invalid', 'http://127.0.0.1:1', 'http://[::1]:1']) {
      const { error, ms } = await failureOf(
        clientOf(origin, { deadlineMs }).request({ method: 'GET', path: '/' }, never),
      );
      expect(error).toBeInstanceOf(TransientError);
      expect((error as TransientError).unsent || /did not finish/.test(error.message)).toBe(true);
      expect(ms).toBeLessThan(deadlineMs + graceMs);
    }
  });

  it('a certificate that has expired, though the config trusts it: nothing is sent', async () => {
    const fixture = (name: string): string => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url), 'utf8');
    const cert = fixture('expired-certificate.pem');
    let served = 0;
    const server = await serveTls({ cert, key: fixture('expired-certificate-key.pem') }, (_request, response) => {
      served += 1;
      response.end();
    });
    const client = clientOf(server.origin, { deadlineMs, tls: { ca: cert } });
    const { error, ms } = await failureOf(client.request({ method: 'GET', path: '/' }, never));
    expect(error.message).toContain('CERT_HAS_EXPIRED');
    expect(ms).toBeLessThan(deadlineMs + graceMs);
    expect(served).toBe(0);
  });
});

/** FAULTS=10000 makes it the full count. */
const count = Number(process.env['FAULTS'] ?? 400);

/** What keeps a process alive, counted. */
function resources(): { sockets: number; timers: number } {
  const counts: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  return { sockets: counts['TCPSocketWrap'] ?? 0, timers: counts['Timeout'] ?? 0 };
}

it(`sockets and timers are back where they were after ${count} faults`, { timeout: 20_000 + count * 20 }, async () => {
  const server = await serveHttp((_request, response) => void response.end('x'.repeat(5000)));
  const proxy = await startFaultProxy(server.origin);
  await wait(50);
  const before = resources();
  // Each request on a connection of its own, for a fault belongs to a connection.
  const client = clientOf(proxy.origin, { deadlineMs: 60, headers: { Connection: 'close' } });
  const toxics = [...spoiling, { kind: 'slow-close' } as const, { kind: 'slicer', bytes: 700 } as const];
  let failures = 0;
  for (let done = 0; done < count; done += 10) {
    proxy.set(toxics[(done / 10) % toxics.length] ?? { kind: 'none' }, phases[(done / 10) % phases.length]);
    const calls = Array.from({ length: 10 }, () => client.request({ method: 'GET', path: '/' }, never));
    const results = await Promise.allSettled(calls);
    failures += results.filter(({ status }) => status === 'rejected').length;
  }
  expect(failures).toBeGreaterThan(count / 2);
  client.close();
  await expect.poll(() => proxy.open(), { timeout: 5000, interval: 20 }).toBe(0);
  // One timer may be that of the polling itself, and one from before may have ended since.
  const isLeft = () => resources().sockets > before.sockets || resources().timers > before.timers + 1;
  await expect.poll(isLeft, { timeout: 5000, interval: 50 }).toBe(false);
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { TransientError } from '../../src/core/errors.ts';
import { clientOf, failureOf, never, serveHttp, serveTcp, serveTls } from '../support/loopback.ts';

const get = { method: 'GET', path: '/orders?a=1' } as const;
const openssl = 'openssl';

interface Identity {
  cert: string;
  key: string;
}

/** Self-signed for 127.0.0.1, made anew each time; undefined where there is no openssl command. */
function selfSigned(days: number): Identity | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  const make = 'req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=test'.split(' ');
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1', '-days', String(days), '-keyout', key, '-out', cert];
  try {
    execFileSync(openssl, [...make, ...names], { stdio: 'ignore' });
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const identity = selfSigned(2);
const withCertificates = identity === undefined ? describe.skip : describe;
const reason =
  identity === undefined ? ' (skipped: this machine has no openssl command to make certificates with)' : '';
const { cert, key } = identity ?? { cert: '', key: '' };

beforeEach(() => {
  onTestFinished(() => void vi.unstubAllEnvs());
});

withCertificates(`TLS${reason}`, () => {
  it('refuses a certificate that nobody vouches for', async () => {
    let served = 0;
    const server = await serveTls({ cert, key }, (_request, response) => {
      served += 1;
      response.end('ok');
    });
    const { error } = await failureOf(clientOf(server.origin).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(error).toMatchObject({ unsent: true });
    expect(served).toBe(0);
  });

  it('refuses it also where the environment asks not to check certificates', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const server = await serveTls({ cert, key }, (_request, response) => void response.end('ok'));
    // The server's own answer shows that the variable is in force: the platform itself would trust it now.
    const plain = await fetch(server.origin);
    expect(await plain.text()).toBe('ok');
    const { error } = await failureOf(clientOf(server.origin).request(get, never));
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('accepts it when the config names it as authority', async () => {
    const server = await serveTls({ cert, key }, (_request, response) => void response.end('ok'));
    const answer = await clientOf(server.origin, { tls: { ca: cert } }).request(get, never);
    expect(answer.text).toBe('ok');
  });

  it('refuses a trusted certificate of another name', async () => {
    const server = await serveTls({ cert, key }, (_request, response) => void response.end('ok'));
    const origin = `https://localhost:${server.port}`;
    const { error } = await failureOf(clientOf(origin, { tls: { ca: cert } }).request(get, never));
    expect(error.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(error).toMatchObject({ unsent: true });
  });

  it('refuses a certificate behind a proxy as it does without one', async () => {
    const server = await serveTls({ cert, key }, (_request, response) => void response.end('ok'));
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    const proxy = await startProxy();
    const { error } = await failureOf(clientOf(server.origin, { proxy: proxy.url }).request(get, never));
    expect(error.message).toContain('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('goes through the configured proxy in a tunnel, which sees neither path nor headers', async () => {
    const server = await serveTls({ cert, key }, (request, response) => void response.end(request.url));
    const proxy = await startProxy();
    const headers = { 'X-API-Key': 's3cret' };
    const client = clientOf(server.origin, { proxy: proxy.url, tls: { ca: cert }, headers });
    expect((await client.request(get, never)).text).toBe('/orders?a=1');
    expect(proxy.seen).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
    expect(proxy.headers.join()).not.toContain('s3cret');
  });

  it('ends within the deadline when the other side never shakes hands', async () => {
    const server = await serveTcp(() => undefined);
    const origin = server.origin.replace('http', 'https');
    const { error, ms } = await failureOf(clientOf(origin, { deadlineMs: 300 }).request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(ms).toBeLessThan(1300);
    await server.idle();
  });

  it('ends within the deadline when the proxy never answers', async () => {
    const server = await serveTcp(() => undefined);
    const client = clientOf('https://127.0.0.1:9', { proxy: server.origin, deadlineMs: 300 });
    const { error, ms } = await failureOf(client.request(get, never));
    expect(error).toBeInstanceOf(TransientError);
    expect(ms).toBeLessThan(1300);
  });
});

describe('a proxy', () => {
  it('gets plain requests in absolute form', async () => {
    const server = await serveHttp((request, response) => void response.end(`origin ${request.url}`));
    const proxy = await startProxy();
    const answer = await clientOf(server.origin, { proxy: proxy.url }).request(get, never);
    expect(answer.text).toBe('origin /orders?a=1');
    expect(proxy.seen).toEqual([`GET ${server.origin}/orders?a=1`]);
  });

  it('gets the credentials of its own URL and no other party does', async () => {
    const got: unknown[] = [];
    const server = await serveHttp((request, response) => {
      got.push(request.headers['proxy-authorization']);
      response.end();
    });
    const proxy = await startProxy();
    const url = proxy.url.replace('//', '//user:p4ss@');
    await clientOf(server.origin, { proxy: url }).request(get, never);
    expect(proxy.headers.join()).toContain(Buffer.from('user:p4ss').toString('base64'));
    expect(got).toEqual([undefined]);
  });

  it('of the environment is never used', async () => {
    const server = await serveHttp((_request, response) => void response.end('direct'));
    const proxy = await startProxy();
    for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy']) {
      vi.stubEnv(name, proxy.url);
    }
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    expect((await clientOf(server.origin).request(get, never)).text).toBe('direct');
    expect(proxy.seen).toEqual([]);
  });

  it('of the config is used also where the environment would make an exception', async () => {
    const server = await serveHttp((_request, response) => void response.end('direct'));
    const proxy = await startProxy();
    vi.stubEnv('NO_PROXY', '*');
    vi.stubEnv('no_proxy', '127.0.0.1');
    await clientOf(server.origin, { proxy: proxy.url }).request(get, never);
    expect(proxy.seen).toHaveLength(1);
  });

  it('that cannot be reached is a passing fault, and nothing goes past it', async () => {
    const server = await serveHttp((_request, response) => void response.end('direct'));
    const client = clientOf(server.origin, { proxy: 'http://127.0.0.1:1' });
    expect((await failureOf(client.request(get, never))).error).toBeInstanceOf(TransientError);
    expect(server.accepted()).toBe(0);
  });
});

interface Proxy {
  url: string;
  /** Request lines as they came. */
  seen: string[];
  /** Headers as they came, a line each. */
  headers: string[];
}

/** A forward proxy: absolute form for plain requests, CONNECT for everything. */
async function startProxy(): Promise<Proxy> {
  const seen: string[] = [];
  const headers: string[] = [];
  const server = createServer(async (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    headers.push(...request.rawHeaders);
    const answer = await fetch(String(request.url));
    response.writeHead(answer.status);
    response.end(await answer.text());
  });
  server.on('connect', (request, socket) => {
    seen.push(`CONNECT ${request.url}`);
    headers.push(...request.rawHeaders);
    const [host = '', port] = String(request.url).split(':');
    const target = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      target.pipe(socket).pipe(target);
    });
    target.on('error', () => socket.destroy());
    socket.on('error', () => target.destroy());
    socket.on('close', () => target.destroy());
    onTestFinished(() => {
      socket.destroy();
      target.destroy();
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen, headers };
}

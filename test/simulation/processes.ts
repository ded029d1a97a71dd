import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRandom } from '../../sandbox/random.ts';
import { type Sandbox, startSandbox } from '../../sandbox/sandbox.ts';

/** Real processes against simulators on real sockets, for counts that no test suite has the time for. */
export interface Processes {
  done: number;
  /** How many were hit while they were at work. */
  atWork: number;
  failures: string[];
  longestMs: number;
}

interface Site {
  sandbox: Sandbox;
  folder: string;
  config: string;
}

async function openSite(seed: number, records: number): Promise<Site> {
  const sandbox = await startSandbox({ seed, records });
  const folder = mkdtempSync(join(tmpdir(), 'processes-'));
  const config = join(folder, 'config.yaml');
  const { sap, mes } = sandbox;
  const { username, password, client } = sap.credentials;
  const rate = { requestsPerSecond: 1000, burst: 1000 };
  const names = ['work-centers', 'equipment', 'sales-orders', 'production-orders', 'operations'];
  const plant = {
    type: 'sap',
    everySeconds: 1,
    settleSeconds: 0,
    timeZone: 'Europe/Amsterdam',
    plantTimeZones: { '1720': 'America/Chicago' },
    externalSource: 'SAP',
    url: sap.url,
    auth: { kind: 'basic', username, password },
    sapClient: client,
    rate,
    streams: Object.fromEntries(names.map((name) => [name, { pageSize: 10 }])),
  };
  const content = {
    mes: { url: `${mes.url}/functions/v1`, apiKey: mes.apiKey, rate, batchSize: 10 },
    state: { directory: join(folder, 'state') },
    health: { port: 0 },
    connectors: { plant },
  };
  writeFileSync(config, JSON.stringify(content), { mode: 0o600 });
  return { sandbox, folder, config };
}

async function closeSite({ sandbox, folder }: Site): Promise<void> {
  await sandbox.stop();
  rmSync(folder, { recursive: true });
}

const requestsOf = ({ sap, mes }: Sandbox) => sap.requests().total + mes.requests().total;

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  log: string;
  tookMs: number;
}

interface Blow {
  signal: 'SIGKILL' | 'SIGTERM';
  afterMs: number;
  /** So long after the start, or after the first request. */
  from: 'start' | 'first request';
}

/** Starts the program with its log in a file, deals the blow, and waits for the end. */
async function startAndHit({ sandbox, folder, config }: Site, args: readonly string[], blow?: Blow): Promise<Ended> {
  const path = join(folder, 'log');
  const log = openSync(path, 'w');
  const child = spawn(process.execPath, ['src/bin.ts', ...args, '--config', config], { stdio: ['ignore', log, log] });
  const before = requestsOf(sandbox);
  const ended = new Promise<Pick<Ended, 'code' | 'signal'>>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let hitMs = performance.now();
  if (blow !== undefined) {
    while (blow.from === 'first request' && requestsOf(sandbox) === before && child.exitCode === null) await sleep(3);
    await sleep(blow.afterMs);
    hitMs = performance.now();
    child.kill(blow.signal);
  }
  const { code, signal } = await ended;
  closeSync(log);
  return { code, signal, log: readFileSync(path, 'utf8'), tookMs: performance.now() - hitMs };
}

/** Kills so many processes one after the other over one state, in the middle of first loads, deltas and verbs; then compares. */
export async function killProcesses(seed: number, count: number): Promise<Processes> {
  const random = createRandom(seed).fork('kills');
  const result: Processes = { done: 0, atWork: 0, failures: [], longestMs: 0 };
  const site = await openSite(seed, 300);
  const { sandbox } = site;
  sandbox.setFaults({ latencyMs: 8 });
  for (; result.done < count; result.done += 1) {
    const before = requestsOf(sandbox);
    const early = result.done % 8 === 7;
    const args = result.done % 5 < 3 ? ['run'] : ['sync', '--json', ...(result.done % 10 === 4 ? ['--full'] : [])];
    const blow = {
      signal: 'SIGKILL',
      afterMs: random.int(0, early ? 700 : 250),
      from: early ? 'start' : 'first request',
    } as const;
    const ended = await startAndHit(site, args, blow);
    if (ended.signal !== 'SIGKILL' && ended.code !== 0)
      result.failures.push(`${result.done}: exit ${ended.code}: ${ended.log}`);
    if (requestsOf(sandbox) > before) result.atWork += 1;
    sandbox.sap.play(random.int(0, 6));
    sandbox.sap.advance(random.int(0, 90_000));
  }
  sandbox.setFaults('none');
  sandbox.sap.settle();
  sandbox.sap.advance(1_800_000);
  for (let times = 0; times < 2; times += 1) {
    const ended = await startAndHit(site, ['sync', '--json']);
    if (ended.code !== 0) result.failures.push(`at the end: exit ${ended.code}: ${ended.log}`);
  }
  result.failures.push(...sandbox.compare().differences);
  await closeSite(site);
  return result;
}

/** Asks so many daemons to stop at any moment: exit 0 within 20 s, and the last line of the log is there. */
export async function terminateProcesses(seed: number, count: number): Promise<Processes> {
  const random = createRandom(seed).fork('sigterm');
  const result: Processes = { done: 0, atWork: 0, failures: [], longestMs: 0 };
  const site = await openSite(seed, 200);
  const { sandbox } = site;
  sandbox.setFaults({ latencyMs: 8 });
  for (; result.done < count; result.done += 1) {
    const before = requestsOf(sandbox);
    const blow = { signal: 'SIGTERM', afterMs: random.int(0, 300), from: 'first request' } as const;
    const { code, log, tookMs } = await startAndHit(site, ['run'], blow);
    result.longestMs = Math.max(result.longestMs, tookMs);
    const last = log.trimEnd().split('\n').at(-1) ?? '';
    if (code !== 0 || tookMs > 20_000 || !last.includes('Stopped.')) {
      result.failures.push(`${result.done}: exit ${code} after ${Math.round(tookMs)} ms, last line ${last}`);
    }
    if (requestsOf(sandbox) > before) result.atWork += 1;
    sandbox.sap.play(random.int(0, 6));
    sandbox.sap.advance(random.int(0, 90_000));
  }
  await closeSite(site);
  return result;
}

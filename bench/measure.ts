import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What one child process cost, from its start to its end. */
export interface Cost {
  stdout: string;
  /** From spawn to exit, start-up included. */
  processMs: number;
  cpuSeconds: number;
  peakMegabytes: number;
}

/**
 * Runs inside the child as it exits and writes to descriptor 3. VmHWM where there is /proc: ru_maxrss can carry over what the
 * parent held when it forked.
 */
const probe = `
import { readFileSync, writeSync } from 'node:fs';
process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  let peak = maxRSS;
  try { peak = Number(/VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]); } catch {}
  writeSync(3, JSON.stringify({ cpu: userCPUTime + systemCPUTime, peak }));
});`;

const probeUrl = `data:text/javascript,${encodeURIComponent(probe)}`;

/** Runs `node <args>` to its end, with these variables added to the environment; throws when it does not exit with 0. */
export async function runNode(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Cost> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', probeUrl, ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const texts = { stdout: '', probe: '' };
  child.stdout?.on('data', (chunk: Buffer) => {
    texts.stdout += chunk.toString();
  });
  child.stdio[3]?.on('data', (chunk: Buffer) => {
    texts.probe += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`node ${args.join(' ')} exited with ${code}: ${texts.stdout.slice(0, 2000)}`);
  const { cpu, peak } = JSON.parse(texts.probe) as { cpu: number; peak: number };
  return {
    stdout: texts.stdout,
    processMs: performance.now() - started,
    cpuSeconds: cpu / 1e6,
    peakMegabytes: peak / 1024,
  };
}

/** Resident memory of a running process now, in MB; undefined where there is no /proc. */
export function residentMegabytes(pid: number): number | undefined {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    return undefined;
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

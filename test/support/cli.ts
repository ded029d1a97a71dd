import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  /** Laid over a small environment of its own; nothing of the test's environment comes through. */
  env?: Record<string, string | undefined>;
  /** Node that runs it, and the file to run; default: this Node and src/bin.ts. */
  node?: string;
  bin?: string;
  /** Options of Node. */
  flags?: readonly string[];
  /** A file for standard output instead of a pipe; the result has none of it then. */
  stdoutFile?: string;
}

/** A verb under way as a process of its own. */
export interface RunningCli {
  /** What standard output and standard error have shown so far. */
  output(): string;
  /** Resolves with the first match in the output; rejects when the process ends without one. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  /** Reads no more of standard output: what is written to it from now on is refused. */
  hangUp(): void;
  /** Resolves when the process has ended. */
  stop(signal: NodeJS.Signals): Promise<CliResult>;
  result: Promise<CliResult>;
}

const root = path.resolve(import.meta.dirname, '../..');
/** Kept from process to process: a verb starts in half the time. */
const compileCache = path.join(tmpdir(), 'erp-puller-compile-cache');

/** Starts `erp-puller …` as a shell would, with pipes for output: no terminal anywhere. */
export function startCli(args: readonly string[], options: CliOptions = {}): RunningCli {
  const { node = process.execPath, bin = path.join(root, 'src/bin.ts'), flags = [], cwd = root } = options;
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, NODE_COMPILE_CACHE: compileCache, ...options.env };
  const file = options.stdoutFile === undefined ? undefined : openSync(options.stdoutFile, 'w');
  const child = spawn(node, [...flags, bin, ...args], { cwd, env, stdio: ['ignore', file ?? 'pipe', 'pipe'] });
  if (file !== undefined) closeSync(file);
  const seen = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      seen[name] += text;
    });
  }
  const result = once(child, 'close').then(([code]: (number | null)[]) => ({ code: code ?? null, ...seen }));
  const output = () => seen.stdout + seen.stderr;
  return {
    output,
    waitFor: (pattern) => waitForMatch(child, output, pattern),
    hangUp: () => void child.stdout?.destroy(),
    stop(signal) {
      child.kill(signal);
      return result;
    },
    result,
  };
}

export function runCli(args: readonly string[], options?: CliOptions): Promise<CliResult> {
  return startCli(args, options).result;
}

function waitForMatch(child: ChildProcess, output: () => string, pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = pattern.exec(output());
      if (match !== null) resolve(match);
    };
    child.stdout?.on('data', look);
    child.stderr?.on('data', look);
    child.once('close', () => reject(new Error(`The process ended without ${pattern}: ${output()}`)));
    look();
  });
}

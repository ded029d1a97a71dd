import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { CrashError } from '../support/faulting.ts';
import { isOurs, memoryCalls } from './memory-files.ts';

type Done = (error: Error | null) => void;

/** Writing calls until the machine goes down; nothing is written from then on. Infinite while nothing shall happen. */
let callsLeft = Number.POSITIVE_INFINITY;

/** The power goes at the n-th writing call from now: that call and all after it have no effect. */
export function crashDiskAt(call: number): void {
  callsLeft = call;
}

export function diskIsDown(): boolean {
  return callsLeft <= 0;
}

/** The machine is on again, and the disk takes everything. */
export function reviveDisk(): void {
  callsLeft = Number.POSITIVE_INFINITY;
  trouble = noTrouble;
}

interface Trouble {
  /** Writing calls and commits before the first that fails. */
  callsBefore: number;
  /** How many fail. */
  calls: number;
}

const noTrouble: Trouble = { callsBefore: Number.POSITIVE_INFINITY, calls: 0 };
let trouble = noTrouble;

/** Some writing calls and commits fail as on a full disk, have no effect, and the program lives on. */
export function fillDisk(given: Trouble): void {
  trouble = given;
}

/** How many calls have failed since the disk was filled. */
export function failedCalls({ calls }: Trouble): number {
  return Math.max(0, calls - trouble.calls);
}

function isRefused(): boolean {
  if (trouble.callsBefore > 0) {
    trouble = { ...trouble, callsBefore: trouble.callsBefore - 1 };
    return false;
  }
  if (trouble.calls === 0) return false;
  trouble = { ...trouble, calls: trouble.calls - 1 };
  return true;
}

function step(name: string): void {
  callsLeft -= 1;
  if (diskIsDown()) throw new CrashError(`disk ${name}`);
  if (isRefused()) {
    const refusal = { code: 'ENOSPC', syscall: name };
    throw Object.assign(new Error(`ENOSPC: no space left on device, ${name}`), refusal);
  }
}

/** A writing transaction of SQLite ends. */
export function commitStep(): void {
  if (!isRefused()) return;
  const full = 13;
  throw Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: full });
}

/** An open for reading writes nothing. */
const writes = (args: readonly unknown[]) => typeof args[1] === 'string' && args[1] !== 'r';

/**
 * The disk of a simulation. What lies below the directory of `memory-files` is kept in memory. Every call that would wait for the disk in the thread pool is done at once instead. Nothing of a run
 * depends then on how fast the disk is, so the same seed gives the same order of everything; and a file system in memory flushes
 * nothing in any case. Must be imported before anything of src.
 */
function simulateDisk(): void {
  const synchronous = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  const promised = fs.promises as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const [name, inMemory] of Object.entries(memoryCalls) as [string, (...args: unknown[]) => unknown][]) {
    const original = synchronous[name];
    synchronous[name] = (...args) => (isOurs(args[0]) ? inMemory(...args) : original?.(...args));
  }
  for (const name of ['readFile', 'mkdir']) promised[name] = async (...args) => synchronous[`${name}Sync`]?.(...args);
  for (const name of ['openSync', 'writeFileSync', 'renameSync', 'linkSync', 'rmSync']) {
    const original = synchronous[name];
    synchronous[name] = (...args) => {
      if (name !== 'openSync' || writes(args)) step(name);
      return original?.(...args);
    };
  }
  for (const name of ['fsync', 'fdatasync']) {
    synchronous[name] = (_file, done) =>
      queueMicrotask(() => {
        try {
          step(name);
          (done as Done)(null);
        } catch (error) {
          (done as Done)(error as Error);
        }
      });
  }
  syncBuiltinESMExports();
}

simulateDisk();

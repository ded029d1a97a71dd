import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { BusyError, ConfigError, TransientError } from '../../src/core/errors.ts';
import { openDatabase } from '../../src/state/database.ts';
import { lockState } from '../../src/state/lock.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const module = new URL('../../src/state/lock.ts', import.meta.url).href;
const program = `
  const { lockState } = await import(${JSON.stringify(module)});
  lockState(process.argv[1]);
  process.stdout.write('locked');
  process.stdin.resume();`;

/** Another process that holds the lock. */
async function holder(directory: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, directory]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

it('keeps a second process out, and says which directory is in use', async () => {
  const directory = scratchDirectory();
  await holder(directory);
  const startedMs = Date.now();
  expect(() => lockState(directory)).toThrow(BusyError);
  expect(() => lockState(directory)).toThrow(directory);
  expect(Date.now() - startedMs).toBeLessThan(8000);
});

it('is free as soon as its holder is killed', async () => {
  const directory = scratchDirectory();
  const child = await holder(directory);
  child.kill('SIGKILL');
  await once(child, 'exit');
  lockState(directory).release();
});

it('keeps its own process out as well, and an attempt to take it twice does not free it', async () => {
  const directory = scratchDirectory();
  const lock = lockState(directory);
  expect(() => lockState(directory)).toThrow(BusyError);
  const other = spawn(process.execPath, ['--input-type=module', '-e', program, directory]);
  const [code] = await once(other, 'exit');
  expect(code).not.toBe(0);
  lock.release();
  lock.release();
  lockState(directory).release();
});

it.each([
  { what: 'a disk that is full', errcode: 13, kind: TransientError, advice: 'Check free space' },
  { what: 'a file that is no database', errcode: 26, kind: ConfigError, advice: 'delete it while no daemon runs' },
])('tells $what from other trouble', ({ errcode, kind, advice }) => {
  const failing = (path: string, options: { readOnly: boolean }) => {
    const database = openDatabase(path, options);
    database.exec = () => {
      throw Object.assign(new Error('database or disk is full'), { errcode });
    };
    return database;
  };
  const directory = scratchDirectory();
  expect(() => lockState(directory, failing)).toThrow(kind);
  expect(() => lockState(directory, failing)).toThrow(advice);
});

import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { giveToOwner } from '../../src/state/access.ts';
import { restoreState } from '../../src/state/backup.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;
let directory: string;

beforeEach(() => {
  const parent = scratchDirectory();
  chmodSync(parent, 0o755);
  directory = join(parent, 'state');
  mkdirSync(directory, { mode: 0o700 });
});

/** What another user is told of the state; a process of its own, for there is no way back to root. */
function refusalAs(uid: number): string {
  const file = pathToFileURL(resolve('src/state/access.ts')).href;
  const script = `import(${JSON.stringify(file)}).then(({ requireAccess }) => {
    process.setuid(${uid});
    requireAccess(${JSON.stringify(directory)});
  }).catch(({ name, message }) => console.log(name, message))`;
  return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
}

const ownersIn = (place: string) => new Set(readdirSync(place).map((name) => statSync(join(place, name)).uid));

describe.runIf(isRoot)('what root writes into the state of another user', () => {
  beforeEach(() => chownSync(directory, nobody, nobody));

  it('belongs to that user afterwards: the state, and what a restore puts there', async () => {
    const store = await openEmbeddedStore({ directory, clock });
    const backup = join(scratchDirectory(), 'backup');
    await store.backup(backup);
    await store.close();
    expect(readdirSync(directory)).toContain('ledger.db');
    expect(ownersIn(directory)).toEqual(new Set([nobody]));
    const aside = await restoreState({ from: backup, directory, clock });
    rmSync(aside, { recursive: true });
    expect(ownersIn(directory)).toEqual(new Set([nobody]));
  });

  it('and nothing else is given away', () => {
    writeFileSync(join(directory, 'notes.txt'), '');
    giveToOwner(directory);
    expect(statSync(join(directory, 'notes.txt')).uid).toBe(0);
  });
});

it.runIf(isRoot)("another user's copies beside the state are in nobody's way", () => {
  chownSync(directory, nobody, nobody);
  for (const name of ['ledger.db.bak', 'watermarks.json.3']) writeFileSync(join(directory, name), '', { mode: 0o600 });
  mkdirSync(join(directory, 'replaced-2026-03-01T080000.000Z'), { mode: 0o700 });
  expect(refusalAs(nobody)).toBe('');
});

describe('a state of another user', () => {
  it.runIf(isRoot).each([
    ['directory', () => chownSync(directory, 1, 1)],
    [
      'file in a directory that all may use',
      () => {
        chmodSync(directory, 0o777);
        writeFileSync(join(directory, 'ledger.db'), '', { mode: 0o600 });
      },
    ],
  ])('is refused with what to do (%s)', (_what, prepare) => {
    prepare();
    expect(refusalAs(nobody)).toMatch(
      /^ConfigError The state cannot be used: EACCES.*Run this as the user that the daemon runs as/,
    );
  });
});

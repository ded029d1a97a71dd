import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/core/errors.ts';
import { makeDirectory } from '../../src/state/directory.ts';
import { openEmbeddedStore } from '../../src/state/embedded-store.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const clock = createFakeClock(new Date('2026-03-02T08:00:00Z'));

describe('a directory', () => {
  it('is created with all above it, for its owner only', async () => {
    const root = scratchDirectory();
    await makeDirectory(join(root, 'a', 'b', 'c'));
    for (const path of ['a', 'a/b', 'a/b/c']) expect(statSync(join(root, path)).mode & 0o777).toBe(0o700);
  });

  it('that is there stays as it is', async () => {
    const directory = join(scratchDirectory(), 'shared');
    mkdirSync(directory, { mode: 0o750 });
    await makeDirectory(directory);
    expect(statSync(directory).mode & 0o777).toBe(0o750);
  });

  it.skipIf(process.platform !== 'linux').each(['/proc/erp-puller', '/proc/erp-puller/state', '/proc/version/state'])(
    'that no system makes is refused at once (%s)',
    async (directory) => {
      const opening = openEmbeddedStore({ directory, clock });
      await expect(opening).rejects.toThrow(`The directory ${directory} cannot be created: `);
      await expect(opening).rejects.toBeInstanceOf(ConfigError);
    },
    2000,
  );

  it('in the place of a file is refused', async () => {
    const file = join(scratchDirectory(), 'state');
    writeFileSync(file, '');
    const reading = openEmbeddedStore({ directory: file, clock, readOnly: true });
    await expect(reading).rejects.toThrow(`${file} is not a directory. Name another one (state.directory`);
    await expect(reading).rejects.toBeInstanceOf(ConfigError);
    await expect(openEmbeddedStore({ directory: file, clock })).rejects.toThrow(
      `The directory ${file} cannot be created`,
    );
    await expect(makeDirectory(join(file, 'below'))).rejects.toBeInstanceOf(ConfigError);
  });
});

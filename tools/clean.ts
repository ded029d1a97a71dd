import { rmSync } from 'node:fs';

/** Empties the build folder, so that no file of an earlier build ships. */
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true });

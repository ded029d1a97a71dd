import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const entry = readFileSync(resolve(import.meta.dirname, '../src/bin.ts'), 'utf8');
const [shebang = ''] = entry.split('\n', 1);

/** The options of Node that the program starts itself with: what is measured must run as it does. */
export const productFlags: readonly string[] = shebang.match(/--\S+/g) ?? [];

/** Those of V8 that it sets once it runs: for scripts that run parts of it. */
export const flagsSetAtStart: readonly string[] = [...entry.matchAll(/setFlagsFromString\('(--\S+)'\)/g)].map(
  ([, flag = '']) => flag,
);

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const [shebang = ''] = readFileSync(resolve(import.meta.dirname, '../../src/bin.ts'), 'utf8').split('\n', 1);

/** The options of Node that the program starts itself with: what is measured must run as it does. */
export const productFlags: readonly string[] = shebang.match(/--\S+/g) ?? [];

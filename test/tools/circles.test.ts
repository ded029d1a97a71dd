import { globSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const imported = /^(?:import|export)\s[^;]*?from '(\.[^']+)';/gm;

/** Files of a folder -> what they import of it, types too: Biome looks past those. */
function importsIn(folder: string): Map<string, string[]> {
  const files = globSync(`${folder}/**/*.ts`).map(normalize);
  return new Map(
    files.map((file) => {
      const targets = [...readFileSync(file, 'utf8').matchAll(imported)].map(([, to = '']) => join(file, '..', to));
      return [file, targets];
    }),
  );
}

/** A way from a file through its imports back to itself; undefined when there is none. */
function circleIn(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  function follow(way: readonly string[]): string[] | undefined {
    const file = way.at(-1) ?? '';
    if (way.indexOf(file) < way.length - 1) return way.slice(way.indexOf(file));
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const circle = follow([...way, next]);
      if (circle !== undefined) return circle;
    }
    done.add(file);
    return undefined;
  }
  for (const file of imports.keys()) {
    const circle = follow([file]);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

it.each(['src', 'sandbox', 'bench', 'tools'])(
  'no files of %s import each other in a circle, not for types either',
  (folder) => {
    const imports = importsIn(folder);
    expect([...imports.values()].flat().length).toBeGreaterThan(0);
    expect(circleIn(imports)).toBeUndefined();
  },
);

it('a circle is found', () => {
  const imports = new Map([
    ['a', ['b']],
    ['b', ['c', 'd']],
    ['c', ['d']],
    ['d', ['b']],
  ]);
  expect(circleIn(imports)).toEqual(['b', 'c', 'd', 'b']);
});

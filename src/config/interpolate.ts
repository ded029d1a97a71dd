import { readFileSync } from 'node:fs';
import path from 'node:path';
import { messageOf } from '../core/errors.ts';

export interface Interpolated {
  text: string;
  /** Why placeholders could not be filled in; nothing of a secret. */
  missing: string[];
}

/** Where values come from. */
export interface Outside {
  environment: Readonly<Record<string, string | undefined>>;
  /** The config file's own, from which relative paths start. */
  folder: string;
}

/** `$${`, a whole placeholder, or one that is never closed. */
const placeholders = /\$(\$\{)|\$\{([^}]*\}?)/g;

/** True when a text takes something from outside the config file, or means to. */
export function hasPlaceholder(text: string): boolean {
  return [...text.matchAll(placeholders)].some(([, escaped]) => escaped === undefined);
}

/** Files that a text takes something from. */
export function filesNamedIn(text: string, folder: string): string[] {
  const named = [...text.matchAll(placeholders)].map(([, , rest = '']) => /^file:(.+)\}$/.exec(rest)?.[1]);
  return named.flatMap((file) => (file === undefined ? [] : [path.resolve(folder, file)]));
}

/**
 * Fills in `${NAME}` from the environment and `${file:/path}` from a file (its last line break is not part of the value, as
 * mounted secrets have one). `$${` stands for a literal `${`. An empty value counts as missing: it is never meant.
 */
export function interpolate(source: string, { environment, folder }: Outside): Interpolated {
  const missing: string[] = [];
  const text = source.replace(placeholders, (whole, escaped: string | undefined, rest: string) => {
    if (escaped !== undefined) return escaped;
    const name = rest.slice(0, -1);
    if (!rest.endsWith('}') || name === '') {
      missing.push(`A \${ is not followed by a name and a }; write $\${ where a literal one is meant.`);
      return whole;
    }
    const value = name.startsWith('file:')
      ? readSecretFile(path.resolve(folder, name.slice('file:'.length)), missing)
      : readVariable(name, environment, missing);
    return value ?? whole;
  });
  return { text, missing };
}

function readVariable(name: string, environment: Outside['environment'], missing: string[]): string | undefined {
  const value = environment[name];
  if (value) return value;
  missing.push(`The environment variable ${name} is ${value === '' ? 'empty' : 'not set'}.`);
  return undefined;
}

function readSecretFile(file: string, missing: string[]): string | undefined {
  try {
    const value = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    if (value !== '') return value;
    missing.push(`The file ${file} is empty.`);
  } catch (error) {
    missing.push(`The file ${file} cannot be read: ${messageOf(error)}.`);
  }
  return undefined;
}

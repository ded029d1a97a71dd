import { ConfigError } from '../core/errors.ts';
import type { Mapping, NameReading } from './mapping.ts';

/** What an operator's own mapping (`fields`, `when`) reads, held against what the rows of its stream have. */
export interface NameCheck {
  /** Stream id. */
  stream: string;
  mapping: Pick<Mapping, 'readings'>;
  has(name: string): boolean;
  /** What the names are looked up in, for texts: an entity set, a model. */
  where: string;
  /** What to do about a name that is missing. */
  todo(name: string): string;
}

/**
 * Throws ConfigError for names that no row has: a field would be empty without a word, and a `when` that compares with nothing
 * leaves out every row, which cancels all that the MES holds of them.
 */
export async function requireNames({ stream, mapping, has, where, todo }: NameCheck): Promise<void> {
  const missing = (await mapping.readings()).flatMap(({ setting, ofRow }) =>
    ofRow
      .filter((name) => !has(name))
      .map((name) => ({ text: `${stream}: ${setting} reads ${name}, which ${where} does not have. ${todo(name)}` })),
  );
  if (missing.length > 0) throw new ConfigError(missing);
}

/** What cannot be told from the text of an expression, for `check` to warn of. */
export async function nameDoubts({ mapping, has, where }: Omit<NameCheck, 'stream' | 'todo'>): Promise<string[]> {
  return (await mapping.readings()).flatMap((reading) => [...unknownIn(reading, has, where), ...wholeRowIn(reading)]);
}

function unknownIn({ setting, doubtful }: NameReading, has: NameCheck['has'], where: string): string[] {
  return doubtful
    .filter((name) => !has(name))
    .map((name) => `${setting} names ${name}, which ${where} does not have; it may not be meant as one of its own.`);
}

function wholeRowIn({ setting, takesRow }: NameReading): string[] {
  return takesRow ? [`${setting} uses the row as a whole, of which only what is named somewhere is read.`] : [];
}

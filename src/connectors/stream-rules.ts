/** What is wrong with a setting of a stream, beyond what its schema can tell. */
export interface SettingProblem {
  /** Within the settings of the stream. */
  path: string[];
  text: string;
}

/** Names under a setting that the stream does not know: a misspelt one would have no effect without a word. */
export function unknownNames(
  setting: string,
  own: Readonly<Record<string, unknown>>,
  known: ReadonlySet<string>,
): SettingProblem[] {
  const named = own[setting];
  if (typeof named !== 'object' || named === null) return [];
  const text = `is not a name that the stream reads by; there are ${[...known].join(', ')}`;
  return Object.keys(named)
    .filter((name) => !known.has(name))
    .map((name) => ({ path: [setting, name], text }));
}

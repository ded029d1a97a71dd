import type { z } from 'zod';
import type { PlacedProblem } from './cross-checks.ts';
import { configJsonSchema } from './schema.ts';
import { nearest, settingsAt } from './settings-at.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with a config, where, and in words for whoever wrote it; the values are not quoted: they may be secrets in the wrong place. */
export function placeIssues(issues: readonly Issue[], raw: unknown): PlacedProblem[] {
  const schema = issues.some(({ code }) => code === 'unrecognized_keys') ? configJsonSchema() : {};
  return issues.flatMap((issue) => placeIssue(issue, { raw, schema }));
}

interface Context {
  raw: unknown;
  /** JSON Schema of the config. */
  schema: Record<string, unknown>;
}

function placeIssue(issue: Issue, { raw, schema }: Context): PlacedProblem[] {
  const at = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    const known = settingsAt(schema, raw, at);
    return issue.keys.map((key) => ({ path: [...at, key], text: unknownText(key, known) }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: at, text: `is not a good name: ${inner.message}` }));
  }
  if (at.length === 0) return [{ path: at, text: 'does not hold settings by name, such as mes and connectors' }];
  return [{ path: at, text: textOf(issue, valueAt(raw, at)) }];
}

function unknownText(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return `is not a setting that exists here${meant === undefined ? '' : `; did you mean ${meant}?`}`;
}

function textOf(issue: Issue, value: unknown): string {
  if (issue.code === 'invalid_type') return typeText(issue.expected, value);
  if (issue.code === 'custom' || /^(is|must|needs) /.test(issue.message)) return issue.message;
  if (issue.code === 'invalid_value') return `must be ${oneOf(issue.values)}`;
  if ('options' in issue && Array.isArray(issue.options)) return `must be ${oneOf(issue.options)}`;
  if (issue.code === 'too_small' || issue.code === 'too_big') return rangeText(issue);
  return `is not right: ${issue.message}`;
}

function oneOf(names: readonly unknown[]): string {
  return names.length === 1 ? String(names[0]) : `${names.slice(0, -1).join(', ')} or ${String(names.at(-1))}`;
}

/** What texts and lists are counted in. */
const units = new Map<string, string>([
  ['string', ' characters'],
  ['array', ' entries'],
]);

function rangeText(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const isLeast = issue.code === 'too_small';
  const bound = isLeast ? issue.minimum : issue.maximum;
  if (issue.origin === 'string' && isLeast && bound === 1) return 'must not be empty';
  const unit = units.get(issue.origin) ?? '';
  const verb = unit === '' ? 'be' : 'have';
  if (issue.inclusive === false) return `must ${verb} ${isLeast ? 'more' : 'less'} than ${bound}${unit}`;
  return `must ${verb} at ${isLeast ? 'least' : 'most'} ${bound}${unit}`;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
  record: 'a section',
};

function typeText(expected: string, value: unknown): string {
  const wanted = kinds[expected] ?? expected;
  if (value === undefined || value === null) return `is missing: it must be ${wanted}`;
  const quotes = expected === 'string' && typeof value !== 'object' ? '; put it in quotes' : '';
  return `must be ${wanted}${quotes}`;
}

export function valueAt(raw: unknown, at: readonly PropertyKey[]): unknown {
  return at.reduce((value, key) => (value as Record<PropertyKey, unknown> | null | undefined)?.[key], raw);
}

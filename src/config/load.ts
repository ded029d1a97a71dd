import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Document, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem, messageOf } from '../core/errors.ts';
import { crossCheck, type PlacedProblem } from './cross-checks.ts';
import { interpolate } from './interpolate.ts';
import { type Config, configSchema } from './schema.ts';
import { findSecrets } from './secrets.ts';

export interface LoadOptions {
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What is wrong with a cron expression; undefined when nothing is. */
  scheduleProblem(expression: string): string | undefined;
}

export interface LoadedConfig {
  config: Config;
  /** Absolute path of the file. */
  file: string;
  /** Every secret value, for redaction. */
  secrets: string[];
  warnings: string[];
}

/** Reads, fills in and checks a config file. Throws one ConfigError that lists everything that is wrong, with line and column. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const file = path.resolve(options.file);
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines, prettyErrors: false });
  const locate = (node: Node | undefined | null, text: string): ConfigProblem => ({
    file,
    text,
    ...position(lines, node?.range?.[0]),
  });
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map((error) => ({ file, text: error.message, ...position(lines, error.pos[0]) })),
    );
  }
  const { interpolated, problems } = fillIn(document, options, locate);
  resolvePaths(document, path.dirname(file));
  const raw: unknown = document.toJS();
  const { data, issues } = await validate(raw, interpolated);
  const placed = [...issues, ...crossCheck(raw, options.scheduleProblem)];
  problems.push(
    ...placed.map(({ path: at, text }) => locate(nodeAt(document, at), `${at.join('.') || 'the file'} ${text}`)),
  );
  const { refused, warnings } = checkPermissions(
    file,
    findSecrets(raw).some(({ path: at }) => !interpolated.has(at.join('.'))),
  );
  if (refused !== undefined) problems.push({ file, text: refused });
  if (options.environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push({
      text: 'NODE_TLS_REJECT_UNAUTHORIZED=0 is set: certificates are always checked here. Unset it; use tls.caFile for a CA of your own.',
    });
  }
  if (problems.length > 0 || data === undefined) throw new ConfigError(sorted(problems));
  return { config: data, file, secrets: findSecrets(raw).map(({ value }) => value), warnings };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`The config file cannot be read: ${messageOf(error)}. Name one with --config FILE.`, {
      cause: error,
    });
  }
}

type Locate = (node: Node | undefined | null, text: string) => ConfigProblem;

/** Puts environment variables and files in place of `${…}`; returns which settings came from outside. */
function fillIn(document: Document, options: LoadOptions, locate: Locate) {
  const interpolated = new Set<string>();
  const problems: ConfigProblem[] = [];
  visit(document, {
    Scalar(key, node, ancestors) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const { text, missing } = interpolate(node.value, options.environment);
      problems.push(...missing.map((reason) => locate(node, reason)));
      if (text !== node.value) interpolated.add(pathOf(ancestors));
      node.value = text;
    },
  });
  return { interpolated, problems };
}

function pathOf(ancestors: readonly unknown[]): string {
  const keys = ancestors.flatMap((ancestor) => {
    const { key } = (ancestor ?? {}) as { key?: unknown };
    return isScalar(key) ? [String(key.value)] : [];
  });
  return keys.join('.');
}

/** Files named in the config are relative to its own folder. */
function resolvePaths(document: Document, folder: string): void {
  visit(document, {
    Pair(_key, pair) {
      const name = isScalar(pair.key) ? pair.key.value : undefined;
      if (!isScalar(pair.value) || typeof pair.value.value !== 'string') return;
      if (name === 'caFile' || name === 'certFile' || name === 'keyFile' || name === 'directory') {
        pair.value.value = path.resolve(folder, pair.value.value);
      }
    },
  });
}

interface Validated {
  data: Config | undefined;
  issues: PlacedProblem[];
}

/** Values from the environment are text; where a number or a switch is wanted, they are read as such. */
async function validate(raw: unknown, interpolated: ReadonlySet<string>): Promise<Validated> {
  const first = await configSchema.safeParseAsync(raw);
  if (first.success) return { data: first.data as unknown as Config, issues: [] };
  let converted = false;
  for (const issue of first.error.issues) {
    if (issue.code !== 'invalid_type' || !interpolated.has(issue.path.join('.'))) continue;
    converted = convertAt(raw, issue.path) || converted;
  }
  if (converted) return validate(raw, new Set());
  return { data: undefined, issues: first.error.issues.flatMap(placeIssue) };
}

function convertAt(raw: unknown, at: readonly PropertyKey[]): boolean {
  const name = at.at(-1);
  const parent = at.slice(0, -1).reduce((value, key) => (value as Record<PropertyKey, unknown>)?.[key], raw);
  if (typeof parent !== 'object' || parent === null || name === undefined) return false;
  const holder = parent as Record<PropertyKey, unknown>;
  const text = String(holder[name]);
  if (!/^(-?\d+(\.\d+)?|true|false)$/.test(text)) return false;
  holder[name] = JSON.parse(text);
  return true;
}

function placeIssue(issue: z.core.$ZodIssue): PlacedProblem[] {
  const at = issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key));
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...at, key], text: 'is not a setting that exists here' }));
  }
  if (issue.code === 'invalid_key') {
    return issue.issues.map((inner) => ({ path: at, text: `is not a good name: ${inner.message}` }));
  }
  if (issue.code === 'invalid_type' && issue.input === undefined)
    return [{ path: at, text: `is missing (${issue.expected})` }];
  return [{ path: at, text: issue.code === 'custom' ? issue.message : `is not right: ${issue.message}` }];
}

/** The node at a path, or the nearest that exists above it. */
function nodeAt(document: Document, at: readonly (string | number)[]): Node | undefined {
  for (let length = at.length; length > 0; length -= 1) {
    const parent = document.getIn(at.slice(0, length - 1), true) as { items?: { key: Node }[] } | undefined;
    const pair = parent?.items?.find((item) => isScalar(item.key) && item.key.value === at[length - 1]);
    if (pair !== undefined) return pair.key;
  }
  return undefined;
}

function position(lines: LineCounter, offset: number | undefined): { line?: number; column?: number } {
  if (offset === undefined) return {};
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

/** A file with secrets in it that others can read is refused; other loose permissions are worth a word. */
function checkPermissions(file: string, holdsSecrets: boolean): { refused?: string; warnings: string[] } {
  if (process.platform === 'win32') return { warnings: [] };
  const mode = statSync(file).mode & 0o777;
  const shown = mode.toString(8).padStart(3, '0');
  if (holdsSecrets && (mode & 0o077) !== 0) {
    const refused = `holds secrets in clear text and is open to others (mode ${shown}). Run chmod 600 on it, or use \${NAME} or \${file:/path}.`;
    return { refused, warnings: [] };
  }
  return {
    warnings:
      (mode & 0o022) === 0 ? [] : [`${file} can be written by others (mode ${shown}); chmod go-w would be better.`],
  };
}

function sorted(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [`${problem.line}:${problem.column}:${problem.text}`, problem]));
  return [...unique.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

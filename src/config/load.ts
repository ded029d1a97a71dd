import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml';
import type { z } from 'zod';
import { nameSchema } from '../connectors/settings.ts';
import { ConfigError, type ConfigProblem, messageOf } from '../core/errors.ts';
import { crossCheck, type PlacedProblem } from './cross-checks.ts';
import { checkClearText, checkPermissions, checkSecretFiles } from './exposure.ts';
import { filesNamedIn, hasPlaceholder, interpolate, type Outside } from './interpolate.ts';
import { placeIssues, valueAt } from './issues.ts';
import { type Config, configSchema, connectorSchema } from './schema.ts';
import { findSecrets, secretTexts } from './secrets.ts';

export interface LoadOptions {
  file: string;
  environment: Readonly<Record<string, string | undefined>>;
  /** What is wrong with a cron expression; undefined when nothing is. */
  scheduleProblem(expression: string): string | undefined;
  /** The connectors wanted: the others are as if they were not in the file. All when absent. */
  only?: readonly string[];
}

export interface LoadedConfig {
  config: Config;
  /** Absolute path of the file. */
  file: string;
  /** Every secret value and the pairs it is sent in, for redaction. */
  secrets: string[];
  warnings: string[];
}

/** Reads, fills in and checks a config file. Throws one ConfigError that lists everything that is wrong, with line and column. */
export async function loadConfig(options: LoadOptions): Promise<LoadedConfig> {
  const file = path.resolve(options.file);
  const folder = path.dirname(file);
  const from = { environment: options.environment, folder };
  const lines = new LineCounter();
  const source = readText(file);
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const locate = (node: Node | undefined | null, text: string): ConfigProblem => ({
    file,
    text,
    // What is missing from the whole file has no place of its own.
    ...position(lines, node?.range?.[0] ?? document.contents?.range?.[0] ?? 0),
  });
  const flaws: ConfigProblem[] = [...document.errors, ...document.warnings].map((error) => ({
    file,
    text:
      error.code === 'DUPLICATE_KEY'
        ? `${keyAt(source, error.pos[0])} stands here twice: keep one of them`
        : error.message,
    ...position(lines, error.pos[0]),
  }));
  flaws.push(...badAliases(document, locate));
  if (flaws.length > 0) throw new ConfigError(sorted(flaws));
  if (options.only !== undefined) keepConnectors(document, options.only);
  const outside = placeholdersIn(dataOf(document, file));
  const problems = fillIn(document, from, locate);
  const unfilled = problems.length === 0 ? new Set<string>() : stillIn(outside, from);
  resolvePaths(document, folder);
  const raw: unknown = document.toJS();
  const { data, issues } = await validate(raw, new Set(outside.keys()));
  const placed = [...issues, ...crossCheck(raw, options.scheduleProblem)].filter(
    ({ path: at }) => !unfilled.has(at.join('.')),
  );
  problems.push(
    ...placed.map(({ path: at, text }) => locate(nodeAt(document, at), `${at.join('.') || 'the file'} ${text}`)),
  );
  const { refused, warnings } = checkPermissions(
    file,
    findSecrets(raw).some(({ path: at }) => !outside.has(at.join('.'))),
  );
  if (refused !== undefined) problems.push({ file, text: refused });
  if (options.environment['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push({
      text: 'NODE_TLS_REJECT_UNAUTHORIZED=0 is set: certificates are always checked here. Unset it; use tls.caFile for a CA of your own.',
    });
  }
  if (problems.length > 0 || data === undefined) throw new ConfigError(sorted(problems));
  // The default is relative too, and is not in the document.
  const state = { directory: path.resolve(folder, data.state.directory) };
  const config = { ...data, state, connectors: inOrderOf(raw, data.connectors) };
  const secretFiles = [...[...outside.values()].flatMap((text) => filesNamedIn(text, folder)), ...keyFilesIn(raw)];
  const all = [...warnings, ...checkSecretFiles(secretFiles), ...checkClearText(config)];
  return { config, file, secrets: secretTexts(raw), warnings: all };
}

/** Checking puts the connectors in the order in which their expressions were compiled. */
function inOrderOf(raw: unknown, connectors: Config['connectors']): Config['connectors'] {
  const names = Object.keys((raw as { connectors: object }).connectors);
  return Object.fromEntries(names.flatMap((name) => (connectors[name] ? [[name, connectors[name]]] : [])));
}

function keyAt(source: string, offset: number): string {
  return /^(?:"[^"]*"|'[^']*'|[^\s:,}]+)/.exec(source.slice(offset, offset + 200))?.[0] ?? 'this key';
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

/** Type by name of the connectors in a file that may be wrong in any other way; none when it is no YAML at all. */
export function connectorTypes(file: string): Record<string, unknown> {
  const document = parseDocument(readText(path.resolve(file)));
  const connectors = document.errors.length > 0 ? undefined : document.get('connectors');
  if (!isMap(connectors)) return {};
  return Object.fromEntries(
    connectors.items.map(({ key, value }) => [String(key), isMap(value) ? value.get('type') : undefined]),
  );
}

function keepConnectors(document: Document, wanted: readonly string[]): void {
  const connectors = document.get('connectors');
  if (isMap(connectors)) connectors.items = connectors.items.filter(({ key }) => wanted.includes(String(key)));
}

type Locate = (node: Node | undefined | null, text: string) => ConfigProblem;

/** An alias without its anchor, or inside of it, is no error of syntax to the parser, and a bare exception to whoever reads the document. */
function badAliases(document: Document, locate: Locate): ConfigProblem[] {
  const found: ConfigProblem[] = [];
  visit(document, {
    Alias(_key, node) {
      const target = node.resolve(document);
      if (target === undefined) found.push(locate(node, `*${node.source} names an anchor that is not set above`));
      else if (holds(target, node)) found.push(locate(node, `*${node.source} stands inside of what it names`));
    },
  });
  return found;
}

/** Only an alias inside of its anchor makes a circle: any other stands behind it. */
function holds(outer: Node, { range }: Node): boolean {
  return range != null && outer.range != null && outer.range[0] <= range[0] && range[0] < outer.range[1];
}

/** What the document says, aliases filled in; the parser refuses a few lines that would make millions. */
function dataOf(document: Document, file: string): unknown {
  try {
    return document.toJS();
  } catch (error) {
    throw new ConfigError([{ file, text: `cannot be read: ${messageOf(error)}. Write it with fewer aliases.` }], {
      cause: error,
    });
  }
}

/** Every setting that takes something from outside, by its path, as it stands in the file; aliases are followed. */
function placeholdersIn(value: unknown, at: readonly string[] = []): Map<string, string> {
  if (typeof value === 'string') return new Map(hasPlaceholder(value) ? [[at.join('.'), value]] : []);
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(Object.entries(value).flatMap(([key, child]) => [...placeholdersIn(child, [...at, key])]));
}

/** Settings whose placeholders could not be filled in: whatever else is wrong with their text says nothing new. */
function stillIn(outside: ReadonlyMap<string, string>, from: Outside): Set<string> {
  const unfilled = [...outside].filter(([, text]) => interpolate(text, from).missing.length > 0);
  return new Set(unfilled.map(([at]) => at));
}

/** Puts environment variables and files in place of `${…}`; returns what could not be filled in. */
function fillIn(document: Document, from: Outside, locate: Locate): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const { text, missing } = interpolate(node.value, from);
      problems.push(...missing.map((reason) => locate(node, reason)));
      node.value = text;
    },
  });
  return problems;
}

/** Files named in the config are relative to its own folder. */
function resolvePaths(document: Document, folder: string): void {
  visit(document, {
    Pair(_key, pair) {
      const name = isScalar(pair.key) ? pair.key.value : undefined;
      if (!isScalar(pair.value) || typeof pair.value.value !== 'string' || pair.value.value === '') return;
      if (name === 'caFile' || name === 'certFile' || name === 'keyFile' || name === 'directory') {
        pair.value.value = path.resolve(folder, pair.value.value);
      }
    },
  });
}

function keyFilesIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, child]) =>
    name === 'keyFile' && typeof child === 'string' ? [child] : keyFilesIn(child),
  );
}

interface Validated {
  data: Config | undefined;
  issues: PlacedProblem[];
}

/** Values from the environment are text; where a number or a switch is wanted, they are read as such. */
async function validate(raw: unknown, interpolated: ReadonlySet<string>): Promise<Validated> {
  const first = await configSchema.safeParseAsync(raw);
  const hidden = await behindBadNames(raw);
  if (first.success && hidden.length === 0) return { data: first.data as unknown as Config, issues: [] };
  let converted = false;
  const found = [...(first.error?.issues ?? []), ...hidden];
  for (const issue of found) {
    if (issue.code !== 'invalid_type' || !interpolated.has(issue.path.join('.'))) continue;
    converted = convertAt(raw, issue.path) || converted;
  }
  if (converted) return validate(raw, new Set());
  return { data: undefined, issues: placeIssues(found, raw) };
}

/** What is wrong in the blocks of connectors whose names are refused: the schema does not look into them. */
async function behindBadNames(raw: unknown): Promise<z.core.$ZodIssue[]> {
  const connectors = valueAt(raw, ['connectors']);
  if (typeof connectors !== 'object' || connectors === null) return [];
  const issues: z.core.$ZodIssue[] = [];
  for (const [name, block] of Object.entries(connectors)) {
    if (nameSchema.safeParse(name).success) continue;
    const { error } = await connectorSchema.safeParseAsync(block);
    for (const issue of error?.issues ?? []) issues.push({ ...issue, path: ['connectors', name, ...issue.path] });
  }
  return issues;
}

function convertAt(raw: unknown, at: readonly PropertyKey[]): boolean {
  const name = at.at(-1);
  const parent = valueAt(raw, at.slice(0, -1));
  if (typeof parent !== 'object' || parent === null || name === undefined) return false;
  const holder = parent as Record<PropertyKey, unknown>;
  const text = String(holder[name]);
  if (!/^(-?\d+(\.\d+)?|true|false)$/.test(text)) return false;
  holder[name] = text === 'true' || text === 'false' ? text === 'true' : Number(text);
  return true;
}

/** The node at a path, or the nearest that exists above it. */
function nodeAt(document: Document, at: readonly (string | number)[]): Node | undefined {
  for (let length = at.length; length > 0; length -= 1) {
    const parent = document.getIn(at.slice(0, length - 1), true) as { items?: { key: Node }[] } | undefined;
    const pair = parent?.items?.find((item) => isScalar(item.key) && String(item.key.value) === String(at[length - 1]));
    if (pair !== undefined) return pair.key;
  }
  return undefined;
}

function position(lines: LineCounter, offset: number | undefined): { line?: number; column?: number } {
  if (offset === undefined) return {};
  const { line, col } = lines.linePos(offset);
  return { line, column: col };
}

function sorted(problems: readonly ConfigProblem[]): ConfigProblem[] {
  const unique = new Map(problems.map((problem) => [`${problem.line}:${problem.column}:${problem.text}`, problem]));
  return [...unique.values()].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

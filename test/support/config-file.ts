import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { ConfigError, type ConfigProblem } from '../../src/core/errors.ts';
import { assertCron } from '../../src/scheduler/cron.ts';

/** What the placeholders of the test configs are filled in with. */
export const environment: Readonly<Record<string, string>> = {
  MES_KEY: 'ery_test_0123456789abcdef',
  SAP_PASSWORD: 'Welcome#1:%',
  EMPTY: '',
  SHORT: 'abc',
};

/** A sound config; a test replaces or adds lines of it. */
export const sound = `mes:
  url: https://mes.example.com/functions/v1
  apiKey: \${MES_KEY}
state: { directory: ./state }
health: { port: 8686 }
log: { level: info }
connectors:
  plant-1:
    type: sap
    externalSource: SAP
    url: https://s4.example.com
    auth:
      kind: basic
      username: MES
      password: \${SAP_PASSWORD}
    streams:
      equipment:
        enabled: true
`;

/** The sound config with one text in it replaced; throws when it does not occur, so that no test tests nothing. */
export function change(from: string, to: string, text: string = sound): string {
  if (!text.includes(from)) throw new Error(`There is no "${from}" in the config.`);
  return text.replace(from, () => to);
}

/** Adds lines to the connector. */
export function withLines(...lines: string[]): string {
  return change('    streams:\n', `${lines.map((line) => `    ${line}\n`).join('')}    streams:\n`);
}

/** A file in a folder of its own that is gone after the test. */
export function writeConfig(text: string, mode = 0o600): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'config-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'erp-puller.yaml');
  writeFileSync(file, text, { mode });
  return file;
}

export interface Loading {
  mode?: number;
  environment?: Record<string, string | undefined>;
}

export function load(text: string, { mode, environment: more }: Loading = {}): Promise<LoadedConfig> {
  const file = writeConfig(text, mode);
  return loadConfig({ file, environment: { ...environment, ...more }, scheduleProblem });
}

/** What is wrong with a config, as `line:column text`; a place without a line is `-`. */
export async function problemsOf(text: string, loading: Loading = {}): Promise<string[]> {
  const error = await load(text, loading).catch((reason: unknown) => reason);
  if (error instanceof ConfigError) return error.problems.map(describeProblem);
  if (error instanceof Error) throw error;
  return [];
}

function describeProblem({ line, column, text }: ConfigProblem): string {
  return `${line === undefined ? '-' : `${line}:${column}`} ${text}`;
}

export function scheduleProblem(expression: string): string | undefined {
  try {
    assertCron(expression);
    return undefined;
  } catch (error) {
    return `is not a cron expression: ${error instanceof Error ? error.message : String(error)}`;
  }
}

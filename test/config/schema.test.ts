import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configJsonSchema } from '../../src/config/schema.ts';
import { connectors } from '../../src/connectors/index.ts';
import { renderSettings } from '../../tools/settings-page.ts';
import { scheduleProblem } from '../support/config-file.ts';
import { violations } from './json-schema.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.resolve(root, file), 'utf8');
const schema = configJsonSchema();
const exampleFile = path.join(root, 'config/erp-puller.example.yaml');
/** Those that the example names outside of its comments. */
const variables = [...read(exampleFile).matchAll(/^[^#\n]*\$\{(\w+)\}/gm)].map(([, name = '']) => name);
const environment = Object.fromEntries(variables.map((name) => [name, `${name}: #1 %`]));
const example = () => loadConfig({ file: exampleFile, environment, scheduleProblem });

describe('the settings page', () => {
  it('says of every setting what it means', () => {
    const rows = renderSettings(schema)
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(100);
    expect(rows.filter((row) => row.endsWith('|  |') && !row.includes('| section |'))).toEqual([]);
  });
});

describe('generated files', () => {
  it('config/schema.json is what the schema says now', () => {
    expect(read('config/schema.json')).toBe(`${JSON.stringify(schema, undefined, 2)}\n`);
  });

  it('docs/settings.md is what the schema says now', () => {
    expect(read('docs/settings.md')).toBe(renderSettings(schema));
  });

  it('docs/settings.md has a line for every setting of the example', async () => {
    const page = read('docs/settings.md');
    const { connectors, ...rest } = (await example()).config;
    const names = Object.entries(rest).flatMap(([section, settings]) =>
      Object.keys(settings).map((name) => `${section}.${name}`),
    );
    for (const connector of Object.values(connectors)) {
      names.push(...Object.keys(connector).map((name) => `connectors.<name>.${name}`));
    }
    expect(names.length).toBeGreaterThan(25);
    expect(names.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([]);
  });
});

describe('config/erp-puller.example.yaml', () => {
  it('tells editors where the schema is, in its first line', () => {
    expect(read('config/erp-puller.example.yaml').split('\n', 1)).toEqual([
      '# yaml-language-server: $schema=./schema.json',
    ]);
  });

  it('loads without a warning once its environment is set', async () => {
    const { config, secrets, warnings } = await example();
    const types = Object.values(config.connectors).map(({ type }) => type);
    expect([...new Set(types)].sort()).toEqual(connectors.map(({ type }) => type).sort());
    expect(secrets).toEqual(expect.arrayContaining([environment['ERYXON_API_KEY'], environment['SAP_PASSWORD']]));
    expect(warnings).toEqual([]);
  });

  it('names every variable that it needs when none is set', async () => {
    const loading = loadConfig({ file: exampleFile, environment: {}, scheduleProblem });
    expect(variables).toEqual(expect.arrayContaining(['ERYXON_API_KEY', 'SAP_USER', 'FREPPLE_WEBTOKEN_KEY']));
    await expect(loading).rejects.toThrow(new RegExp(variables.map((name) => `${name} is not set`).join('.*'), 's'));
  });

  it('shows every section and every stream', async () => {
    const text = read('config/erp-puller.example.yaml');
    for (const section of Object.keys(schema['properties'] as object))
      expect(text).toMatch(new RegExp(`^${section}:`, 'm'));
    const { connectors } = (await example()).config;
    const streams = ['equipment', 'operations', 'production-orders', 'sales-orders', 'work-centers'];
    expect(Object.keys(connectors['plant-1']?.streams ?? {}).sort()).toEqual(streams);
  });

  it('is accepted by the published JSON schema', async () => {
    expect(violations(JSON.parse(read('config/schema.json')), (await example()).config)).toEqual([]);
  });

  it('is no longer accepted with a key that does not exist, a missing one, or a number out of range', async () => {
    const { config } = await example();
    const wrong = {
      ...config,
      extra: 1,
      mes: { ...config.mes, apiKey: undefined },
      health: { ...config.health, port: -1 },
    };
    expect(violations(JSON.parse(read('config/schema.json')), wrong)).toEqual([
      'mes.apiKey is required',
      'health.port is below 0',
      'extra is not allowed',
    ]);
  });
});

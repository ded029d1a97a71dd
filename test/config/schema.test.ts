import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { configJsonSchema } from '../../src/config/schema.ts';
import { renderSettings } from '../../tools/settings-page.ts';
import { scheduleProblem } from './config-file.ts';
import { violations } from './json-schema.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const schema = configJsonSchema();
const exampleFile = path.join(root, 'config/erp-puller.example.yaml');
const environment = {
  ERYXON_API_KEY: 'ery_test_0123456789',
  SAP_USER: 'MES_READER',
  SAP_PASSWORD: 'Welcome#1:%',
  ODOO_API_KEY: '0123456789abcdef',
  FREPPLE_WEBTOKEN_KEY: '%@mzit!i8b*$zc&6oev96=',
  NETSUITE_CONSUMER_KEY: 'ns-consumer-key',
  NETSUITE_CONSUMER_SECRET: 'ns-consumer-secret',
  NETSUITE_TOKEN_ID: 'ns-token-id',
  NETSUITE_TOKEN_SECRET: 'ns-token-secret',
};
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
    expect(Object.keys(config.connectors).sort()).toEqual(['planning', 'plant-1', 'plant-2', 'plant-3']);
    expect(secrets).toEqual(expect.arrayContaining([environment.ERYXON_API_KEY, environment.SAP_PASSWORD]));
    expect(warnings).toEqual([]);
  });

  it('names every variable that it needs when none is set', async () => {
    const loading = loadConfig({ file: exampleFile, environment: {}, scheduleProblem });
    await expect(loading).rejects.toThrow(
      /ERYXON_API_KEY is not set.*SAP_USER is not set.*SAP_PASSWORD is not set.*ODOO_API_KEY is not set.*NETSUITE_CONSUMER_KEY is not set.*NETSUITE_TOKEN_SECRET is not set.*FREPPLE_WEBTOKEN_KEY is not set/s,
    );
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

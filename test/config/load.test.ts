import { chmodSync, copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/core/errors.ts';
import {
  change,
  environment,
  load,
  problemsOf,
  scheduleProblem,
  sound,
  withLines,
  writeConfig,
} from '../support/config-file.ts';

const literal = change(`\${SAP_PASSWORD}`, 'Welcome2SAP', change(`\${MES_KEY}`, 'ery_test_literal'));

describe('loading a config', () => {
  it('fills in defaults and what comes from the environment', async () => {
    const { config, file, warnings } = await load(sound);
    expect(config.mes).toMatchObject({
      apiKey: environment['MES_KEY'],
      batchSize: 1000,
      rate: { requestsPerSecond: 5 },
    });
    expect(config.connectors['plant-1']).toMatchObject({
      timeZone: 'UTC',
      settleSeconds: 120,
      auth: { password: environment['SAP_PASSWORD'] },
    });
    expect(path.isAbsolute(file)).toBe(true);
    expect(warnings).toEqual([]);
  });

  it('finds files of secrets beside the config file, wherever it is read from', async () => {
    const file = writeConfig(change(`\${SAP_PASSWORD}`, `\${file:secrets/sap}`));
    mkdirSync(path.join(path.dirname(file), 'secrets'));
    writeFileSync(path.join(path.dirname(file), 'secrets/sap'), 'Welcome3SAP\n');
    const { config } = await loadConfig({ file, environment, scheduleProblem });
    expect(config.connectors['plant-1']).toMatchObject({ auth: { password: 'Welcome3SAP' } });
  });

  it('lists everything that is wrong with the file at once, in the order of the lines', async () => {
    const text = change(
      '{ port: 8686 }',
      '{ port: 70000, hots: x }',
      change(`\${MES_KEY}`, `\${NO_KEY}`, withLines('everySeconds: 0')),
    );
    expect(await problemsOf(text)).toEqual([
      '3:11 The environment variable NO_KEY is not set.',
      expect.stringMatching(/^5:11 health\.port /),
      expect.stringMatching(/^5:24 health\.hots /),
      expect.stringMatching(/^16:5 connectors\.plant-1\.everySeconds /),
    ]);
  });

  it('keeps the connectors in the order of the file, whatever has to be compiled for them', async () => {
    const block = sound.slice(sound.indexOf('    type: sap'));
    const another = (name: string) =>
      `  ${name}:\n${block.replace('externalSource: SAP', `externalSource: ${name}\n    numberPrefix: ${name}`)}`;
    const slow = change('enabled: true', 'when: "$count([1]) = 1"');
    const { config } = await load(slow + another('b') + another('a'));
    expect(Object.keys(config.connectors)).toEqual(['plant-1', 'b', 'a']);
  });

  it('names a connector that a schema would pass over', async () => {
    const block = sound.slice(sound.indexOf('    type: sap'));
    expect(await problemsOf(`${sound}  __proto__:\n${block}`)).toContainEqual(
      expect.stringMatching(/connectors\.__proto__ is not a good name/),
    );
  });

  it.each(['Plant_2', '__proto__'])('names the faults behind a refused name too (%s)', async (name) => {
    const block = sound.slice(sound.indexOf('    type: sap')).replace('externalSource: SAP', 'everySeconds: 0');
    const problems = await problemsOf(`${sound}  ${name}:\n${block}`);
    const own = problems.filter((text) => text.includes(`connectors.${name}`));
    expect(own).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/is not a good name/),
        expect.stringMatching(/\.everySeconds must be at least 1/),
        expect.stringMatching(/\.externalSource is missing/),
      ]),
    );
  });

  it.each(['?tenant=1', '/#top', '?', '/v1?x'])('refuses a URL that ends in %s, with its place', async (end) => {
    const text = sound.replace(/^( *url: .*)$/gm, `$1${end}`);
    const problems = (await problemsOf(text)).filter((problem) => problem.includes('must not have a query'));
    expect(problems).toEqual([
      expect.stringMatching(/^\d+:\d+ mes\.url /),
      expect.stringMatching(/^\d+:\d+ connectors\.plant-1\.url /),
    ]);
  });

  it('names file, line and column in the text of the error', async () => {
    const file = writeConfig(withLines('everySeconds: 0'));
    const loading = loadConfig({ file, environment, scheduleProblem });
    await expect(loading).rejects.toThrow(`${file}:16:5: connectors.plant-1.everySeconds must be at least 1`);
    await expect(loading).rejects.toBeInstanceOf(ConfigError);
  });

  it('says how to name a file when there is none', async () => {
    const loading = loadConfig({ file: '/nowhere/erp-puller.yaml', environment, scheduleProblem });
    await expect(loading).rejects.toThrow(/\/nowhere\/erp-puller\.yaml'\. Name one with --config FILE\.$/);
  });

  it.each([
    { name: 'a whole number', line: `everySeconds: \${VALUE}`, value: '90', read: { everySeconds: 90 } },
    { name: 'a number with leading zeros', line: `everySeconds: \${VALUE}`, value: '0090', read: { everySeconds: 90 } },
    {
      name: 'a fraction',
      line: `rate: { requestsPerSecond: "\${VALUE}" }`,
      value: '0.5',
      read: { rate: { requestsPerSecond: 0.5 } },
    },
    {
      name: 'a number in a list',
      line: `standardValues: { perPiece: [2, "\${VALUE}"] }`,
      value: '3',
      read: { standardValues: { perPiece: [2, 3] } },
    },
    { name: 'text that looks like a number', line: `sapClient: \${VALUE}`, value: '100', read: { sapClient: '100' } },
  ])('reads $name from the environment', async ({ line, value, read }) => {
    const { config } = await load(withLines(line), { environment: { VALUE: value } });
    expect(config.connectors['plant-1']).toMatchObject(read);
  });

  it('reads a switch from the environment', async () => {
    const { config } = await load(change('enabled: true', `enabled: \${ON}`), { environment: { ON: 'false' } });
    expect(config.connectors['plant-1']?.streams?.['equipment']?.enabled).toBe(false);
  });

  it('keeps an escaped placeholder as literal text', async () => {
    const { config } = await load(withLines(`numberPrefix: "$\${X}-"`));
    expect(config.connectors['plant-1']).toMatchObject({ numberPrefix: `\${X}-` });
  });

  it('takes paths as relative to the folder of the file', async () => {
    const file = writeConfig(sound);
    const { config } = await loadConfig({ file, environment, scheduleProblem });
    expect(config.state.directory).toBe(path.join(path.dirname(file), 'state'));
  });

  it('keeps state beside the file, wherever it is called from, when no directory is named', async () => {
    const file = writeConfig(change('state: { directory: ./state }\n', ''));
    const { config } = await loadConfig({ file, environment, scheduleProblem });
    expect(config.state.directory).toBe(path.join(path.dirname(file), 'state'));
  });

  it('understands a section that two connectors have in common by an anchor', async () => {
    const anchored = `${change('auth:', 'auth: &same')}  plant-2:
    type: sap
    externalSource: SAP-B
    numberPrefix: B-
    url: https://s4b.example.com
    auth: *same
`;
    const { config, secrets } = await load(anchored, { mode: 0o644 });
    expect(config.connectors['plant-2']).toMatchObject({ auth: { password: environment['SAP_PASSWORD'] } });
    expect(secrets).toContain(environment['SAP_PASSWORD']);
  });
});

describe('permissions of the config file', () => {
  it('lets a file with literal secrets pass that only its owner can read', async () => {
    expect((await load(literal, { mode: 0o600 })).warnings).toEqual([]);
  });

  it.each([0o644, 0o640, 0o604])('refuses a file with literal secrets and mode %o', async (mode) => {
    expect(await problemsOf(literal, { mode })).toEqual([expect.stringContaining('Run chmod 600 on it')]);
  });

  it('takes a secret with an escaped placeholder for the literal that it is', async () => {
    const text = change(`\${SAP_PASSWORD}`, `Wel$\${come}`);
    expect(await problemsOf(text, { mode: 0o644 })).toEqual([expect.stringContaining('holds secrets in clear text')]);
  });

  it('says nothing of literal secrets where a placeholder could not be filled in', async () => {
    const text = change(`\${SAP_PASSWORD}`, `\${NO_PASSWORD}`);
    expect(await problemsOf(text, { mode: 0o644 })).toEqual(['15:17 The environment variable NO_PASSWORD is not set.']);
  });

  it('lets everybody read a file whose secrets come from outside', async () => {
    expect((await load(sound, { mode: 0o644 })).warnings).toEqual([]);
  });

  it('warns of a file that others can write', async () => {
    const file = writeConfig(sound);
    chmodSync(file, 0o666);
    const { warnings } = await loadConfig({ file, environment, scheduleProblem });
    expect(warnings).toEqual([`${file} can be written by others (mode 666); chmod go-w would be better.`]);
  });

  it.each([
    [0o600, []],
    [0o640, []],
    [0o644, ['read by others (mode 644)']],
    [0o660, ['written by others (mode 660)']],
  ])('of a file that a secret is taken from are looked at too: mode %o', async (mode, says) => {
    const file = writeConfig(change(`\${SAP_PASSWORD}`, `\${file:secrets/sap}`));
    const secret = path.join(path.dirname(file), 'secrets', 'sap');
    mkdirSync(path.dirname(secret));
    writeFileSync(secret, 'Welcome1\n');
    chmodSync(secret, mode);
    const { warnings } = await loadConfig({ file, environment, scheduleProblem });
    expect(warnings).toEqual(
      says.map((what) => `${secret} holds a secret and can be ${what}; chmod 600 would be better.`),
    );
  });

  it('of a private key are looked at too', async () => {
    const file = writeConfig(withLines('tls: { certFile: client.pem, keyFile: client.key }'));
    const key = path.join(path.dirname(file), 'client.key');
    const fixtures = path.resolve(import.meta.dirname, '../fixtures/tls');
    copyFileSync(path.join(fixtures, 'expired-certificate.pem'), path.join(path.dirname(file), 'client.pem'));
    copyFileSync(path.join(fixtures, 'expired-certificate-key.pem'), key);
    chmodSync(key, 0o606);
    const { warnings } = await loadConfig({ file, environment, scheduleProblem });
    expect(warnings).toEqual([
      `${key} holds a secret and can be written by others (mode 606); chmod 600 would be better.`,
    ]);
  });

  it('of what another user has put there, as into a container, are left alone', async () => {
    const file = writeConfig(change(`\${SAP_PASSWORD}`, `\${file:secret}`));
    const secret = path.join(path.dirname(file), 'secret');
    writeFileSync(secret, 'Welcome1\n', { mode: 0o644 });
    const uid = vi.spyOn(process, 'getuid').mockReturnValue(statSync(secret).uid + 1);
    onTestFinished(() => uid.mockRestore());
    expect((await loadConfig({ file, environment, scheduleProblem })).warnings).toEqual([]);
  });
});

describe('URLs without TLS', () => {
  it.each(['http://192.0.2.7:8000', 'http://s4'])('are worth a warning: %s', async (url) => {
    const { warnings } = await load(change('https://s4.example.com', url));
    expect(warnings).toEqual([
      'connectors.plant-1.url is http: credentials and records travel in clear text. Use https where the server offers it.',
    ]);
  });

  it.each(['http://127.0.0.1:8000', 'http://localhost', 'http://[::1]:1'])(
    'are none on this machine: %s',
    async (url) => {
      expect((await load(change('https://mes.example.com/functions/v1', url))).warnings).toEqual([]);
    },
  );
});

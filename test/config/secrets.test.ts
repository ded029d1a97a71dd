import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../src/config/schema.ts';
import { findSecrets, secretTexts } from '../../src/config/secrets.ts';
import { change, environment, load, problemsOf, sound } from '../support/config-file.ts';

/** Of each kind of credentials: the field that is secret. */
const auths: [kind: string, auth: { kind: string } & Record<string, string>, secret: string][] = [
  ['basic', { kind: 'basic', username: 'MES', password: 'canary-1' }, 'password'],
  [
    'oauth2',
    { kind: 'oauth2', tokenUrl: 'https://t.example', clientId: 'x', clientSecret: 'canary-1' },
    'clientSecret',
  ],
  ['apiKey', { kind: 'apiKey', key: 'canary-1' }, 'key'],
  ['apiKey with a user name', { kind: 'apiKey', username: 'MES', key: 'canary-1' }, 'key'],
  ['password', { kind: 'password', username: 'MES', password: 'canary-1' }, 'password'],
  ['webToken', { kind: 'webToken', username: 'MES', secret: 'canary-1' }, 'secret'],
];

/** Four halves of two pairs: none is shown. */
const tba = {
  consumerKey: 'canary-1',
  consumerSecret: 'canary-3',
  tokenId: 'canary-4',
  tokenSecret: 'canary-5',
};

/** `kind.field` of every secret that a schema marks, wherever it stands. */
function markedIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties = {} } = schema as { properties?: Record<string, { secret?: boolean; const?: string }> };
  const secrets = Object.keys(properties).filter((name) => properties[name]?.secret === true);
  const here = secrets.map((name) => `${properties['kind']?.const ?? 'without kind'}.${name}`);
  return [...here, ...Object.values(schema).flatMap(markedIn)];
}

function configWith(auth: Record<string, string>): Record<string, unknown> {
  return { mes: { url: 'https://m.example', apiKey: 'canary-2' }, connectors: { a: { type: 'sap', auth } } };
}

describe('secrets', () => {
  it.each(auths)('are found in credentials of kind %s and in the key of the MES', (_kind, auth, name) => {
    expect(findSecrets(configWith(auth))).toEqual([
      { path: ['mes', 'apiKey'], value: 'canary-2' },
      { path: ['connectors', 'a', 'auth', name], value: 'canary-1' },
    ]);
  });

  it('are found in all that a signed token is made of', () => {
    const values = findSecrets(configWith({ kind: 'tba', ...tba })).map(({ value }) => value);
    expect(values).toEqual(['canary-2', ...Object.values(tba)]);
  });

  it('are found at every place that the schema marks, so that no test above forgets one', () => {
    const known = auths.map(([, { kind }, secret]) => `${kind}.${secret}`);
    const others = ['without kind.apiKey', ...Object.keys(tba).map((name) => `tba.${name}`)];
    expect([...new Set(markedIn(configJsonSchema()))].sort()).toEqual([...new Set([...known, ...others])].sort());
  });

  it('are found in a config that is wrong everywhere else', () => {
    const wrong = {
      mes: { apiKey: 'canary-2', nope: 1 },
      connectors: { 'Not Good': { auth: { password: 'canary-1' } } },
    };
    expect(findSecrets(wrong).map(({ value }) => value)).toEqual(['canary-2', 'canary-1']);
  });

  it.each([undefined, null, 'text', [], { connectors: null }])('of %j are none', (config) => {
    expect(findSecrets(config)).toEqual([]);
  });

  it('are told as the pairs too that they are sent in: the Base64 of a pair does not hold that of the secret', () => {
    const [basic, oauth] = auths.map(([, auth]) => secretTexts(configWith(auth)));
    expect(basic).toContain('MES:canary-1');
    expect(oauth).toContain('x:canary-1');
  });

  it('are all told to whoever redacts', async () => {
    expect((await load(sound)).secrets).toEqual(
      expect.arrayContaining([environment['MES_KEY'], environment['SAP_PASSWORD']]),
    );
  });
});

describe('error texts', () => {
  const canary = 'cAnArY-7f3a9';
  const at = (field: string) => change(`\${${field}}`, canary);

  it.each([
    ['too short elsewhere', change(`\${SAP_PASSWORD}`, 'abc', at('MES_KEY'))],
    ['under a key that does not exist', change('apiKey:', 'apikey:', at('MES_KEY'))],
    ['as a section', change(canary, `{ value: ${canary} }`, at('MES_KEY'))],
    ['as a list', change(canary, `[${canary}]`, at('SAP_PASSWORD'))],
    ['in a field that is no secret', change('type: sap', `type: ${canary}`)],
    ['as a level', change('level: info', `level: ${canary}`)],
    ['in a number', change('port: 8686', `port: ${canary}`)],
    ['in a URL', change('https://s4.', `https://MES:${canary}@s4.`)],
    ['as a time zone', change('externalSource: SAP', `externalSource: SAP\n    timeZone: ${canary}`)],
    ['with the wrong kind of credentials', change('kind: basic', 'kind: apiKey', at('SAP_PASSWORD'))],
    ['beside a line that is no YAML', `${at('MES_KEY')}: [\n`],
    ['in a line that is no YAML', change(canary, `${canary}: x: y`, at('MES_KEY'))],
    ['twice', change('  url:', `  apiKey: ${canary}\n  url:`, at('MES_KEY'))],
    ['in a file that others can read', at('SAP_PASSWORD')],
  ])('never hold a secret that stands %s', async (_name, text) => {
    const problems = await problemsOf(text, { mode: 0o644 });
    expect(problems).not.toEqual([]);
    expect(problems.join('\n')).not.toContain(canary);
  });
});

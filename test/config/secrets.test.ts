import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../src/config/schema.ts';
import { findSecrets, secretTexts } from '../../src/config/secrets.ts';
import { change, environment, load, problemsOf, sound } from './config-file.ts';

/** Of each kind of credentials: the field that is secret, and how many connectors know the kind. */
const auths: [kind: string, auth: Record<string, string>, secret: string, connectors: number][] = [
  ['basic', { kind: 'basic', username: 'MES', password: 'canary-1' }, 'password', 2],
  [
    'oauth2',
    { kind: 'oauth2', tokenUrl: 'https://t.example', clientId: 'x', clientSecret: 'canary-1' },
    'clientSecret',
    1,
  ],
  ['apiKey', { kind: 'apiKey', key: 'canary-1' }, 'key', 2],
  ['apiKey with a user name', { kind: 'apiKey', username: 'MES', key: 'canary-1' }, 'key', 1],
  ['password', { kind: 'password', username: 'MES', password: 'canary-1' }, 'password', 1],
  ['webToken', { kind: 'webToken', username: 'MES', secret: 'canary-1' }, 'secret', 1],
];

/** Four halves of two pairs: none is shown. */
const tba = {
  consumerKey: 'canary-1',
  consumerSecret: 'canary-3',
  tokenId: 'canary-4',
  tokenSecret: 'canary-5',
};

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
    const marked = JSON.stringify(configJsonSchema()).split('"secret":true').length - 1;
    const others = Object.keys(tba).length + 1;
    expect(marked).toBe(auths.reduce((sum, [, , , connectors]) => sum + connectors, others));
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

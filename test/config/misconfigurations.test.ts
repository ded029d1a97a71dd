import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { connectors } from '../../src/connectors/index.ts';
import { change, type Loading, problemsOf, sound, withLines } from '../support/config-file.ts';

/** What the operator wrote, and every line that the refusal must have: `line:column path text`. */
type Case = readonly [name: string, text: string, problems: readonly string[], loading?: Loading];

const own = 'connectors.plant-1';
const certificate = path.resolve(import.meta.dirname, '../fixtures/tls/expired-certificate.pem');
const types = connectors
  .map(({ type }) => type)
  .join(', ')
  .replace(/, (\w+)$/, ' or $1');
const withStream = (...lines: string[]) =>
  change('        enabled: true\n', lines.map((line) => `        ${line}\n`).join(''));
const second = (...lines: string[]) => `${sound}  plant-2:
    type: sap
    url: https://s4b.example.com
    auth: { kind: apiKey, key: "\${SAP_PASSWORD}" }
${lines.map((line) => `    ${line}\n`).join('')}`;

const unknownNames: Case[] = [
  [
    'a key at the top',
    `${sound}conectors: {}\n`,
    ['19:1 conectors is not a setting that exists here; did you mean connectors?'],
  ],
  [
    'a key in a section',
    change('{ port: 8686 }', '{ prot: 8686 }'),
    ['5:11 health.prot is not a setting that exists here; did you mean port?'],
  ],
  [
    'a key of the connector',
    withLines('evrySeconds: 60'),
    [`16:5 ${own}.evrySeconds is not a setting that exists here; did you mean everySeconds?`],
  ],
  [
    'a key three levels down',
    change('kind: basic', 'kind: basic\n      user: MES'),
    [`14:7 ${own}.auth.user is not a setting that exists here; did you mean username?`],
  ],
  [
    'a misspelt stream',
    change('equipment:', 'equipments:'),
    [`17:7 ${own}.streams.equipments is not a setting that exists here; did you mean equipment?`],
  ],
  [
    'a key of a stream',
    withStream('enabled: true', 'pagesize: 10'),
    [`19:9 ${own}.streams.equipment.pagesize is not a setting that exists here; did you mean pageSize?`],
  ],
  [
    'a key that is like none',
    withLines('retainForever: true'),
    [`16:5 ${own}.retainForever is not a setting that exists here`],
  ],
  [
    'a key of another kind of connector',
    withLines('accountIds: "1"'),
    [`16:5 ${own}.accountIds is not a setting that exists here`],
  ],
  [
    'a MES field that the stream does not have',
    withStream('fields:', '  nmae: EquipmentName'),
    [
      `19:11 ${own}.streams.equipment.fields.nmae is not a field that equipment may set; there are name, type, description, identifier, location`,
    ],
  ],
  ['a kind of connector that does not exist', change('type: sap', 'type: sapp'), [`9:5 ${own}.type must be ${types}`]],
  [
    'a kind of credentials that does not exist',
    change('kind: basic', 'kind: digest'),
    [`13:7 ${own}.auth.kind must be basic, oauth2 or apiKey`],
  ],
  [
    'a connector name that cannot be part of metrics and files',
    change('plant-1:', 'Plant 1:'),
    ['8:3 connectors.Plant 1 is not a good name: use lower-case letters, digits and hyphens'],
  ],
];

const missing: Case[] = [
  [
    'two environment variables that are not set and one that is empty, all at once',
    change(`\${MES_KEY}`, `\${NO_KEY}`, change(`\${SAP_PASSWORD}`, `\${EMPTY}`, change('MES\n', `\${NO_USER}\n`))),
    [
      '3:11 The environment variable NO_KEY is not set.',
      '14:17 The environment variable NO_USER is not set.',
      '15:17 The environment variable EMPTY is empty.',
    ],
  ],
  [
    'a variable where a number is wanted, with nothing said of the number',
    withLines(`everySeconds: \${NO_SECONDS}`),
    ['16:19 The environment variable NO_SECONDS is not set.'],
  ],
  [
    'a secret file',
    change(`\${SAP_PASSWORD}`, `\${file:/nowhere/password}`),
    ["15:17 The file /nowhere/password cannot be read: ENOENT: no such file or directory, open '/nowhere/password'."],
  ],
  [
    'the brace that ends a placeholder',
    change(`\${SAP_PASSWORD}`, `\${SAP_PASSWORD`),
    [`15:17 A \${ is not followed by a name and a }; write $\${ where a literal one is meant.`],
  ],
  [
    'a required setting',
    change('    externalSource: SAP\n', ''),
    [`8:3 ${own}.externalSource is missing: it must be text`],
  ],
  [
    'a required section',
    change(/mes:\n.*\n.*\n/.exec(sound)?.[0] ?? '', ''),
    ['1:1 mes is missing: it must be a section'],
  ],
  ['what a section is to hold', change('{ port: 8686 }', ''), ['5:1 health is missing: it must be a section']],
  ['everything', '', ['1:1 the file does not hold settings by name, such as mes and connectors']],
  [
    'any connector',
    `${sound.slice(0, sound.indexOf('connectors:'))}connectors: {}\n`,
    ['7:1 connectors names no connector: there is nothing to poll'],
  ],
];

const wrongValues: Case[] = [
  ['text for a number', withLines('everySeconds: often'), [`16:5 ${own}.everySeconds must be a number`]],
  ['a number for text', withLines('sapClient: 100'), [`16:5 ${own}.sapClient must be text; put it in quotes`]],
  [
    'a number out of its range, and another',
    withLines('everySeconds: 0', 'maxConcurrency: 17'),
    [`16:5 ${own}.everySeconds must be at least 1`, `17:5 ${own}.maxConcurrency must be at most 16`],
  ],
  [
    'a fraction from the environment for a whole number',
    withLines(`everySeconds: \${SECONDS}`),
    [`16:5 ${own}.everySeconds must be a whole number`],
    { environment: { SECONDS: '2.5' } },
  ],
  ...['169.254.169.254', '0xA9FEA9FE', '[fe80::1]', '[::ffff:169.254.169.254]'].map(
    (host): Case => [
      `a URL of ${host}, a link-local address`,
      change('https://s4.example.com', `http://${host}`),
      [`11:5 ${own}.url is a link-local address, where clouds keep credentials; nothing is sent there`],
    ],
  ),
  ['no URL', change('https://s4.', 's4.'), [`11:5 ${own}.url is not an http or https URL`]],
  [
    'a URL with credentials in it',
    change('https://s4.', 'https://MES:geheim@s4.'),
    [`11:5 ${own}.url must not contain credentials; use auth`],
  ],
  [
    'a time zone that does not exist',
    withLines('timeZone: Europe/Amsterdm'),
    [`16:5 ${own}.timeZone is not a time zone; use an IANA name such as Europe/Amsterdam`],
  ],
  [
    'the time zone of a plant, whose number YAML takes for a number',
    withLines('plantTimeZones:', '  1720: Chicago'),
    [`17:7 ${own}.plantTimeZones.1720 is not a time zone; use an IANA name such as Europe/Amsterdam`],
  ],
  [
    'a log level that does not exist',
    change('level: info', 'level: trace'),
    ['6:8 log.level must be error, warn, info or debug'],
  ],
  [
    'a secret too short to be one',
    change(`\${MES_KEY}`, `\${SHORT}`),
    ['3:3 mes.apiKey is too short for a secret (at least 4 characters)'],
  ],
  [
    'a character in the state directory that no path has',
    change('directory: ./state', 'directory: "./st\\0ate"'),
    ['4:10 state.directory must not have a NUL character, which no path has'],
  ],
  [
    'a character in the name of a file that no path has',
    withLines('tls: { caFile: "c\\0a.pem", certFile: "a\\0.pem", keyFile: "a\\0.key" }'),
    [
      `16:12 ${own}.tls.caFile must not have a NUL character, which no path has`,
      `16:32 ${own}.tls.certFile must not have a NUL character, which no path has`,
      `16:53 ${own}.tls.keyFile must not have a NUL character, which no path has`,
    ],
  ],
  [
    'an empty state directory, which would be the folder of the config file',
    change('./state', '""'),
    ['4:10 state.directory must not be empty'],
  ],
  [
    'mapping expressions that are no JSONata',
    withStream('fields:', '  name: "EquipmentName & "', 'when: "((("'),
    [
      `19:11 ${own}.streams.equipment.fields.name is neither a property path nor a JSONata expression: Unexpected end of expression at character 16`,
      `20:9 ${own}.streams.equipment.when is neither a property path nor a JSONata expression: Expected ")" before end of expression at character 3`,
    ],
  ],
];

const contradictions: Case[] = [
  [
    'an interval beside a schedule',
    withLines('everySeconds: 60', 'schedule: "*/5 * * * *"'),
    [`17:5 ${own}.schedule stands beside everySeconds; exactly one of the two is needed`],
  ],
  [
    'a cron expression with a minute that no hour has',
    withLines('schedule: "61 * * * *"'),
    [expect.stringMatching(/^16:5 connectors\.plant-1\.schedule is not a cron expression: .*61/) as unknown as string],
  ],
  [
    'parents switched off under streams that need them',
    withStream('enabled: true', '', 'work-centers: { enabled: false }').replace(
      '        work-centers',
      '      work-centers',
    ),
    [
      `20:23 ${own}.streams.work-centers.enabled switches off a stream that operations needs: its records would wait for their parents for ever. Disable operations too`,
    ],
  ],
  [
    'two connectors whose records the MES could not tell apart',
    second('externalSource: SAP', 'numberPrefix: B-'),
    [
      '23:5 connectors.plant-2.externalSource is the same as that of connector plant-1. Each record would belong to two connectors: give each its own.',
    ],
  ],
  [
    'two connectors that feed jobs without prefixes',
    second('externalSource: SAP-B'),
    [
      '19:3 connectors.plant-2 needs a numberPrefix of its own: without one it is the same as that of connector plant-1. Two connectors feed jobs: their job and part numbers would collide.',
    ],
  ],
  [
    'TLS files that cannot be read',
    withLines('tls: { caFile: ca.pem, certFile: a.pem, keyFile: /nowhere/a.key }'),
    [
      expect.stringMatching(/^16:12 connectors\.plant-1\.tls\.caFile names a file that cannot be read: \/.*\/ca\.pem$/),
      expect.stringMatching(
        /^16:28 connectors\.plant-1\.tls\.certFile names a file that cannot be read: \/.*\/a\.pem$/,
      ),
      `16:45 ${own}.tls.keyFile names a file that cannot be read: /nowhere/a.key`,
    ] as string[],
  ],
  [
    'a client certificate without its key',
    withLines(`tls: { certFile: ${certificate} }`),
    [`16:5 ${own}.tls certFile and keyFile go together`],
  ],
  [
    'an environment that switches the check of certificates off',
    sound,
    [
      '- NODE_TLS_REJECT_UNAUTHORIZED=0 is set: certificates are always checked here. Unset it; use tls.caFile for a CA of your own.',
    ],
    { environment: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } },
  ],
  [
    'a literal secret in a file that others can read',
    change(`\${SAP_PASSWORD}`, 'Welcome2SAP'),
    [
      `- holds secrets in clear text and is open to others (mode 640). Run chmod 600 on it, or use \${NAME} or \${file:/path}.`,
    ],
    { mode: 0o640 },
  ],
];

/** Each line ten times the one above it. */
const bomb = Array.from(
  { length: 8 },
  (_, i) => `a${i + 1}: &a${i + 1} [${Array(10).fill(`*a${i}`).join(', ')}]\n`,
).join('');

const notYaml: Case[] = [
  ['a key that stands twice', `${sound}mes: {}\n`, ['19:1 mes stands here twice: keep one of them']],
  [
    'a key in quotes that stands twice',
    change('{ port: 8686 }', '{ "port": 1, "port": 2 }'),
    ['5:22 "port" stands here twice: keep one of them'],
  ],
  [
    'a tab',
    'mes:\n\turl: https://mes.example.com\n',
    [expect.stringMatching(/^2:1 Tabs are not allowed/) as unknown as string],
  ],
  [
    'a bracket that is never closed',
    change('{ port: 8686 }', '{ port: 8686'),
    [expect.stringMatching(/^6:1 Flow map/) as unknown as string],
  ],
  [
    'an alias without its anchor',
    change('{ level: info }', '*common'),
    ['6:6 *common names an anchor that is not set above'],
  ],
  [
    'an anchor that holds itself',
    `${sound}own: &own [1, { deeper: *own }]\n`,
    ['19:25 *own stands inside of what it names'],
  ],
  [
    'aliases of aliases that make millions',
    `${sound}a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n${bomb}`,
    ['- cannot be read: Excessive alias count indicates a resource exhaustion attack. Write it with fewer aliases.'],
  ],
  ['a tag that means nothing here', change(`\${MES_KEY}`, '!secret mes_key'), ['3:11 Unresolved tag: !secret']],
];

describe.each([
  ['refuses a name that does not exist, with its place', unknownNames],
  ['says what is missing, and where', missing],
  ['refuses a value that is wrong, with its place', wrongValues],
  ['refuses what cannot work', contradictions],
  ['refuses what is not YAML, with line and column', notYaml],
] as const)('the config', (promise, cases) => {
  it.each(cases.map(([name, ...rest]) => ({ name, rest })))(`${promise}: $name`, async ({ rest }) => {
    const [text, problems, loading] = rest;
    expect(await problemsOf(text, loading)).toEqual(problems);
  });
});

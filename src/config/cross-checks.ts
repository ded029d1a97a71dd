import { z } from 'zod';
import { connectors } from '../connectors/index.ts';
import { pathSchema } from '../connectors/settings.ts';
import { isObject } from '../core/objects.ts';
import { checkReadable, checkTls, type FileProblem, type Named } from './named-files.ts';

/** One problem at a place of the config. */
export interface PlacedProblem {
  path: (string | number)[];
  text: string;
}

type Raw = Readonly<Record<string, unknown>>;

/**
 * What no single setting can tell: rules between settings. Looks at the raw config, so that these are reported together with
 * everything else that is wrong.
 */
export function crossCheck(
  config: unknown,
  scheduleProblem: (expression: string) => string | undefined,
): PlacedProblem[] {
  const entries = Object.entries(asObject(asObject(config)['connectors'])).map(([name, value]) => ({
    name,
    own: asObject(value),
  }));
  return [
    ...entries.flatMap(checkName),
    ...entries.flatMap((entry) => [
      ...checkSchedule([], entry, scheduleProblem),
      ...checkSchedule(['reconcile'], { ...entry, own: asObject(entry.own['reconcile']) }, scheduleProblem),
      ...checkParents(entry),
      ...checkEnabled(entry),
      ...checkFields(entry),
      ...checkStreams(entry),
      ...checkFiles(['connectors', entry.name, 'tls'], entry.own['tls'], checkTls),
      ...checkFiles(['connectors', entry.name, 'auth'], entry.own['auth'], checkReadable),
    ]),
    ...checkFiles(['mes', 'tls'], asObject(asObject(config)['mes'])['tls'], checkTls),
    ...checkDistinct(entries, 'externalSource', 'Each record would belong to two connectors: give each its own.'),
    ...checkPrefixes(entries),
    ...(entries.length === 0 && isObject(asObject(config)['connectors'])
      ? [{ path: ['connectors'], text: 'names no connector: there is nothing to poll' }]
      : []),
  ];
}

interface Entry {
  name: string;
  own: Raw;
}

/** The schema passes over this one key without a word. */
function checkName({ name }: Entry): PlacedProblem[] {
  if (name !== '__proto__') return [];
  return [{ path: ['connectors', name], text: 'is not a good name: use lower-case letters, digits and hyphens' }];
}

function checkSchedule(
  within: readonly string[],
  { name, own }: Entry,
  scheduleProblem: (expression: string) => string | undefined,
): PlacedProblem[] {
  const { schedule, everySeconds } = own;
  if (schedule === undefined) return [];
  if (everySeconds !== undefined) {
    return [
      {
        path: ['connectors', name, ...within, 'schedule'],
        text: 'stands beside everySeconds; exactly one of the two is needed',
      },
    ];
  }
  const problem = typeof schedule === 'string' ? scheduleProblem(schedule) : undefined;
  return problem === undefined ? [] : [{ path: ['connectors', name, ...within, 'schedule'], text: problem }];
}

function checkParents({ name, own }: Entry): PlacedProblem[] {
  const needs = connectors.find((connector) => connector.type === own['type'])?.needs ?? {};
  const streams = asObject(own['streams']);
  const isOff = (stream: string) => asObject(streams[stream])['enabled'] === false;
  const problems: PlacedProblem[] = [];
  for (const [stream, parents] of Object.entries(needs)) {
    if (isOff(stream)) continue;
    for (const parent of parents.filter(isOff)) {
      const text = `switches off a stream that ${stream} needs: its records would wait for their parents for ever. Disable ${stream} too`;
      problems.push({ path: ['connectors', name, 'streams', parent, 'enabled'], text });
    }
  }
  return problems;
}

/** A connector that reads nothing would look healthy for ever. */
function checkEnabled({ name, own }: Entry): PlacedProblem[] {
  const known = streamsOf(own['type']);
  const streams = asObject(own['streams']);
  if (known.length === 0 || known.some((stream) => asObject(streams[stream])['enabled'] !== false)) return [];
  const text = 'switches every stream off, so that nothing is read: enable one, or remove the connector';
  return [{ path: ['connectors', name, 'streams'], text }];
}

function streamsOf(type: unknown): string[] {
  const streams = connectors.find((connector) => connector.type === type)?.settings.shape['streams'];
  return streams instanceof z.ZodDefault && streams.unwrap() instanceof z.ZodObject
    ? Object.keys((streams.unwrap() as z.ZodObject).shape)
    : [];
}

/** Names of MES fields depend on the stream, which its settings do not know. */
function checkFields({ name, own }: Entry): PlacedProblem[] {
  const allowed = connectors.find((connector) => connector.type === own['type'])?.fieldsOf ?? (() => undefined);
  const problems: PlacedProblem[] = [];
  for (const [stream, settings] of Object.entries(asObject(own['streams']))) {
    const names = allowed(stream);
    for (const field of Object.keys(asObject(asObject(settings)['fields']))) {
      if (names === undefined || names.includes(field)) continue;
      const path = ['connectors', name, 'streams', stream, 'fields', field];
      problems.push({ path, text: `is not a field that ${stream} may set; there are ${names.join(', ')}` });
    }
  }
  return problems;
}

function checkStreams({ name, own }: Entry): PlacedProblem[] {
  const connector = connectors.find(({ type }) => type === own['type']);
  return Object.entries(asObject(own['streams'])).flatMap(([stream, settings]) => {
    const problems = connector?.checkStream?.(stream, asObject(settings)) ?? [];
    return problems.map(({ path, text }) => ({ path: ['connectors', name, 'streams', stream, ...path], text }));
  });
}

function checkDistinct(entries: readonly Entry[], setting: string, why: string): PlacedProblem[] {
  const seen = new Map<unknown, string>();
  const problems: PlacedProblem[] = [];
  for (const { name, own } of entries) {
    const value = own[setting];
    const other = value === undefined ? undefined : seen.get(value);
    if (other !== undefined) {
      problems.push({ path: ['connectors', name, setting], text: `is the same as that of connector ${other}. ${why}` });
    }
    seen.set(value, name);
  }
  return problems;
}

/** The streams that bring jobs, and without which there are no parts either. */
const jobStreams = ['sales-orders', 'demands'];

/** Job and part numbers are unique per tenant, and two ERPs count alike. */
function checkPrefixes(entries: readonly Entry[]): PlacedProblem[] {
  const feeding = entries
    .filter(({ own }) => jobStreams.every((name) => asObject(asObject(own['streams'])[name])['enabled'] !== false))
    .map(({ name, own }) => ({ name, own: { ...own, numberPrefix: own['numberPrefix'] ?? '' } }));
  const problems = checkDistinct(
    feeding,
    'numberPrefix',
    'Two connectors feed jobs: their job and part numbers would collide.',
  );
  return problems.map((problem) => {
    const [connectorsKey = '', name = ''] = problem.path;
    const own = entries.find((entry) => entry.name === name)?.own ?? {};
    return 'numberPrefix' in own
      ? problem
      : { path: [connectorsKey, name], text: `needs a numberPrefix of its own: without one it ${problem.text}` };
  });
}

/** The files that the settings of one block name, and what is wrong with them. */
function checkFiles(path: (string | number)[], own: unknown, check: (files: Named) => FileProblem[]): PlacedProblem[] {
  const files = Object.entries(asObject(own)).filter(
    ([setting, file]) => setting.endsWith('File') && typeof file === 'string' && pathSchema.safeParse(file).success,
  ) as [string, string][];
  return check(Object.fromEntries(files)).map(({ setting, text }) => ({ path: [...path, setting], text }));
}

function asObject(value: unknown): Raw {
  return isObject(value) ? value : {};
}

import type { Clock } from '../core/clock.ts';
import { ConfigError, messageOf, PermanentError, TransientError } from '../core/errors.ts';
import { defaultOverlapSeconds } from '../core/stamp.ts';
import type { Entity, Finding, MesRecord } from '../core/types.ts';
import type { ConnectorSession, Stream } from './connector.ts';

export interface SessionProbes {
  session: Pick<ConnectorSession, 'name' | 'clock'>;
  probes: readonly Probe[];
  clock: Clock;
  advice?: Partial<Advice>;
}

export interface Probe {
  /** Of the stream. */
  name: string;
  /** A query for one row; resolves to how many came. */
  sample(signal: AbortSignal): Promise<number>;
  /** What of the operator's own mapping may be wrong; asked of a stream that can be read. */
  doubts?(signal: AbortSignal): Promise<string[]>;
  /** What the ERP lacks, where the stream is empty by that and nothing is wrong. */
  lacking?(signal: AbortSignal): Promise<string | undefined>;
}

/** What to do, in the words of one ERP. */
export interface Advice {
  credentials: string;
  refused: string;
  malformed: string;
  /** For HTTP 429. */
  busy: string;
  /** For a stream without rows. */
  empty: string;
}

const usualAdvice: Advice = {
  credentials: 'Correct auth in the config file, or unlock the user.',
  refused: 'Ask the ERP administrator to activate the service and authorise the user.',
  busy: 'Check again later; if it stays, lower rate, or ask who else uses up the requests that the ERP allows.',
  malformed: 'Check that url leads to the ERP itself and not to a portal or logon page.',
  empty: 'If the ERP holds such records, check the authorisations of the user and the filter of the stream.',
};

const credentialsRefused = 'credentials-refused';
const readable = 'stream-readable';

/** Beyond this the two clocks are worth a word; the cursor follows the ERP's and does not mind. */
const skewSeconds = 30;

/** Asks every stream for one row and compares clocks: reach, credentials and permissions, each with what to do. */
export async function checkSession(
  { session, probes, clock, advice = {} }: SessionProbes,
  signal: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const probe of probes) {
    const where = `${session.name}/${probe.name}`;
    const finding = await checkStream(probe, { where, advice: { ...usualAdvice, ...advice } }, signal);
    findings.push(finding);
    if (finding.code === readable) findings.push(...(await tellDoubts(probe, where, signal)));
    // Another logon with the same credentials would only bring the account nearer to being locked.
    if (finding.code === credentialsRefused) break;
  }
  if (findings.some((finding) => finding.level === 'ok')) findings.push(await checkClock({ session, clock }, signal));
  return findings;
}

/** Streams whose overlap is set below the default of their kind of stamp: what commits later than that is missed until a full read. */
export function checkOverlaps({ name, streams }: Pick<ConnectorSession, 'name' | 'streams'>): Finding[] {
  return streams.flatMap(({ name: stream, stampKind, overlapSeconds }) => {
    const usual = stampKind === 'none' ? 0 : defaultOverlapSeconds[stampKind];
    if (overlapSeconds >= usual) return [];
    return [
      {
        code: 'overlap-short',
        level: 'warning',
        where: `${name}/${stream}`,
        text: `The overlap is ${overlapSeconds} s, less than the ${usual} s that are usual for its stamps.`,
        todo: 'Raise overlapSeconds, unless no transaction of the ERP stays open for longer.',
      } satisfies Finding,
    ];
  });
}

/** Adds the fields that each stream's first rows give to their records; what cannot be read adds none. */
export async function collectFields(
  streams: readonly Stream[],
  fields: Map<Entity, Set<string>>,
  signal: AbortSignal,
): Promise<void> {
  for (const stream of streams) {
    for (const record of await firstRecords(stream, signal).catch(() => [])) {
      const known = fields.get(record.entity) ?? new Set();
      fields.set(record.entity, known);
      for (const [name, value] of Object.entries(record.fields)) if (value !== null) known.add(name);
    }
  }
}

async function firstRecords(stream: Stream, signal: AbortSignal): Promise<MesRecord[]> {
  for await (const { rows } of stream.read({ mode: 'full' }, undefined, signal)) {
    const mapped = await stream.map(rows, { stamps: false });
    return mapped.flatMap((row) => (row.kind === 'good' ? row.records : []));
  }
  return [];
}

async function checkStream(
  probe: Probe,
  { where, advice }: { where: string; advice: Advice },
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const lacking = await probe.lacking?.(signal);
    if (lacking !== undefined) {
      const todo = 'Nothing, if the plant does without: set enabled: false for the stream to say so.';
      return { code: 'app-missing', level: 'warning', where, text: lacking, todo };
    }
    const rows = await probe.sample(signal);
    if (rows > 0) return { code: readable, level: 'ok', where, text: 'The stream can be read.', todo: '' };
    return {
      code: 'stream-empty',
      level: 'warning',
      where,
      text: 'The stream can be read but shows no rows.',
      todo: advice.empty,
    };
  } catch (error) {
    return failureOf(error, { where, advice }, signal);
  }
}

/** What a failure of the ERP means, and what to do. Throws where it was only called off. */
export function failureOf(
  error: unknown,
  { where, advice = usualAdvice }: { where: string; advice?: Advice },
  signal: AbortSignal,
): Finding {
  signal.throwIfAborted();
  return { code: codeOf(error), level: 'error', where, text: messageOf(error), todo: todoFor(error, advice) };
}

async function tellDoubts({ doubts }: Probe, where: string, signal: AbortSignal): Promise<Finding[]> {
  const todo = 'Look at the setting, and at what plan says it would do.';
  const texts = (await doubts?.(signal)) ?? [];
  return texts.map((text) => ({ code: 'mapping-doubtful', level: 'warning', where, text, todo }));
}

function codeOf(error: unknown): string {
  if (error instanceof ConfigError) return 'property-missing';
  if (error instanceof PermanentError) return error.credentials ? credentialsRefused : 'stream-refused';
  return error instanceof TransientError && error.malformed ? 'erp-answers-otherwise' : 'erp-unreachable';
}

function todoFor(error: unknown, advice: Advice): string {
  if (error instanceof ConfigError) return 'Correct the properties of the stream in the config file.';
  if (error instanceof PermanentError) return error.credentials ? advice.credentials : advice.refused;
  if (error instanceof TransientError && error.malformed) return advice.malformed;
  if (error instanceof TransientError && error.status === 429) return advice.busy;
  return 'Check url, proxy and tls, and that this machine can reach the ERP.';
}

async function checkClock(
  { session, clock }: Pick<SessionProbes, 'session' | 'clock'>,
  signal: AbortSignal,
): Promise<Finding> {
  const aheadSeconds = Math.round(((await session.clock(signal)).getTime() - clock.now().getTime()) / 1000);
  const skewed = Math.abs(aheadSeconds) > skewSeconds;
  return {
    code: skewed ? 'clock-skewed' : 'clock-agrees',
    level: skewed ? 'warning' : 'ok',
    where: session.name,
    text: skewed
      ? `The ERP's clock differs by ${aheadSeconds} s from this machine's.`
      : "The ERP's clock agrees with this machine's.",
    todo: skewed ? 'Nothing is lost by it, windows follow the ERP; but set both clocks by NTP.' : '',
  };
}

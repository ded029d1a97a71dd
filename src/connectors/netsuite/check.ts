import type { Clock } from '../../core/clock.ts';
import { messageOf, PermanentError } from '../../core/errors.ts';
import type { EventBus } from '../../core/events.ts';
import { zoneOffsetMs } from '../../core/stamp.ts';
import type { Finding } from '../../core/types.ts';
import type { ConnectorSession } from '../connector.ts';
import { QueryRefusedError, type SuiteQlClient } from '../protocols/suiteql/client.ts';
import { deletedTable, deletedTodo } from '../protocols/suiteql/gone.ts';
import type { OpenedSuiteQlStream } from '../protocols/suiteql/stream.ts';
import { localSecond, readSecond, selectText, utcSecond } from '../protocols/suiteql/text.ts';
import { checkSession } from '../session-check.ts';

export interface NetSuiteChecking {
  session: Pick<ConnectorSession, 'name' | 'clock'>;
  opened: readonly OpenedSuiteQlStream[];
  client: SuiteQlClient;
  clock: Clock;
  /** When the certificate ceases to be good; null where that cannot be known, undefined where there is none. */
  expiry: Date | null | undefined;
  /** The connector's. */
  timeZone: string;
}

/** Streams and clock as everywhere, and what only NetSuite can have wrong: its user's time zone, a certificate that expires. */
export async function checkNetSuite(checking: NetSuiteChecking, signal: AbortSignal): Promise<Finding[]> {
  const { session, opened, clock, expiry } = checking;
  const probes = opened.map((each) => ({
    name: each.stream.name,
    sample: (probing: AbortSignal) => sample(each, probing),
    doubts: each.doubts,
  }));
  const findings = await checkSession({ session, probes, clock, advice }, signal);
  const isReached = findings.some(({ level }) => level === 'ok');
  const deletions = isReached ? await checkDeletions(checking, signal) : undefined;
  const zone = isReached ? await checkZone(checking, signal) : undefined;
  const certificate = expiry === undefined ? undefined : checkExpiry(session.name, expiry, clock.now());
  return [...findings, deletions, zone, certificate].filter((finding) => finding !== undefined);
}

const advice = {
  credentials: 'Correct auth in the config file by what the Login Audit Trail says.',
  refused: "Ask the NetSuite administrator for the feature or the permission; the token's role is the one that counts.",
  busy: 'All integrations of the account share its requests: check again later. If it stays, look at Setup > Integration > Integration Governance.',
  malformed: 'Check baseUrl: something else than SuiteTalk answers there, or NetSuite is under maintenance.',
  empty:
    'If the account has such records, look for restrictions of the role: what they hide is left out without a word.',
};

/** One row. What NetSuite refuses is looked at more closely: it never says "not permitted", only that it knows no such thing. */
async function sample({ source, requires, assertNames }: OpenedSuiteQlStream, signal: AbortSignal): Promise<number> {
  await assertNames();
  try {
    return await source.sample(signal);
  } catch (error) {
    if (!(error instanceof QueryRefusedError)) throw error;
    const isHidden = await source.probeTable(signal).then(
      () => false,
      (second: unknown) => second instanceof QueryRefusedError,
    );
    const why = isHidden
      ? 'The table is hidden from the role or switched off.'
      : 'The table can be seen, but not everything that is asked of it: see columns, filter and relatedChanges of the stream.';
    throw new PermanentError(`${messageOf(error)} ${why} It needs ${requires}.`, { cause: error });
  }
}

/** Deletions are listed for who has a permission of its own. */
async function checkDeletions(
  { session, opened, client }: NetSuiteChecking,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const listed = opened.filter(({ stream }) => stream.gone !== undefined);
  if (listed.length === 0) return undefined;
  try {
    const select = { columns: { id: 'l.recordid' }, from: `${deletedTable} l`, where: '' };
    await client.query(selectText(select), { limit: 1 }, signal);
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    const where = listed.map(({ stream }) => `${session.name}/${stream.name}`).join(', ');
    const text = `NetSuite's list of deletions cannot be read: ${messageOf(error)}`;
    return { code: 'deletions-unlisted', level: 'warning', where, text, todo: deletedTodo };
  }
}

/**
 * Days have no zone of their own and are taken for days of the connector's. One transaction, shown in UTC and in the zone of the
 * token's user, tells that user's; undefined where they agree, or nothing is there to tell by.
 */
async function checkZone(
  { session, client, timeZone }: NetSuiteChecking,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const columns = { utc: utcSecond('t.lastmodifieddate'), local: localSecond('t.lastmodifieddate') };
  const select = { columns, from: 'transaction t', where: '', orderBy: 't.id DESC' };
  const page = await client.query(selectText(select), { limit: 1 }, signal).catch(() => undefined);
  const row = page?.rows[0] as { utc?: unknown; local?: unknown } | undefined;
  const utc = readSecond(row?.utc);
  const local = readSecond(row?.local);
  if (utc === null || local === null) return undefined;
  const theirs = Date.parse(local) - Date.parse(utc);
  const ours = zoneOffsetMs(new Date(utc), timeZone);
  if (theirs === ours) return undefined;
  return {
    code: 'zone-differs',
    level: 'warning',
    where: session.name,
    text: `The user of the token lives at ${hours(theirs)} from UTC, timeZone ${timeZone} at ${hours(ours)} (at ${utc}).`,
    todo: 'Days fall on midnight in timeZone: set it to the zone of the plant. If it is, let the user of the token have it too.',
  };
}

function hours(ms: number): string {
  const sign = ms < 0 ? '-' : '+';
  const minutes = Math.round(Math.abs(ms) / 60_000);
  return `${sign}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
}

/** Tells once a day of a certificate that ends soon. */
export function createExpiryWatch(
  { name, clock, expiry }: { name: string } & Pick<NetSuiteChecking, 'clock' | 'expiry'>,
  events: EventBus,
): () => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return () => {
    const now = clock.now().getTime();
    if (!expiry || expiry.getTime() - now > warnDays * dayMs || now - toldMs < dayMs) return;
    toldMs = now;
    events.emit('credentials:expiring', { connector: name, what: 'certificate', at: expiry.toISOString() });
  };
}

/** NetSuite itself writes two months ahead; a month is enough to get a new one. */
const warnDays = 30;
const dayMs = 86_400_000;

function checkExpiry(where: string, expiry: Date | null, now: Date): Finding {
  if (expiry === null) {
    return {
      code: 'certificate-unwatched',
      level: 'warning',
      where: `${where}/auth`,
      text: 'When the certificate ends cannot be known: certFile names none.',
      todo: 'Name the certificate that was uploaded under auth.certFile: check and the daemon then tell a month ahead.',
    };
  }
  const days = Math.floor((expiry.getTime() - now.getTime()) / dayMs);
  const date = expiry.toISOString().slice(0, 10);
  const finding = {
    where: `${where}/auth`,
    todo: days > warnDays ? '' : 'Make a new certificate and upload it in OAuth 2.0 Client Credentials Setup.',
  };
  if (days < 0)
    return { ...finding, code: 'certificate-expired', level: 'error', text: `The certificate expired on ${date}.` };
  const text = `The certificate is good until ${date}: ${days} days.`;
  if (days > warnDays) return { ...finding, code: 'certificate-good', level: 'ok', text };
  return { ...finding, code: 'certificate-expires', level: 'warning', text };
}

import type { MappedRow } from '../connectors/connector.ts';
import { forEachAhead } from '../core/prefetch.ts';
import type { ResumePoint } from '../state/store.ts';
import { childStreamOf, startDelivery } from './delivery.ts';
import type { Pass, PassRequest } from './pass-types.ts';
import { beliefLimit, laterStamp, type WindowCut } from './watermark.ts';

/** The window of a pass, and where it begins in it. */
export interface PassStart extends WindowCut {
  /** The connector's cursor behind the last committed page of an interrupted pass. */
  cursor: unknown;
  /** Source time at which the window was cut. */
  startedAt: string;
  /** The window is that of an interrupted pass. */
  resumed: boolean;
}

/** The pages of the window, in sequence; the next is fetched while one is pushed. Resolves to how far the stream has come. */
export async function deliverPages(
  pass: Pass,
  { start, request }: { start: PassStart; request: PassRequest },
  signal: AbortSignal,
): Promise<string | null> {
  let reached = start.target;
  let committed: Promise<void> = Promise.resolve();
  let resumeIfCrashed = isFirstStart(pass, start)
    ? resumeBehind(pass, { cursor: undefined, start, reached })
    : undefined;
  const mayBeLate = start.window.mode === 'delta';
  try {
    await forEachAhead(
      (reading) => mapPages(pass, start, reading),
      async ({ mapped, cursor }) => {
        request.stopping?.throwIfAborted();
        reached = advanceReached(pass, { reached, start, mapped });
        const resume = resumeBehind(pass, { cursor, start, reached });
        const delivery = { mapped, force: false, resume, resumeIfCrashed, previousCommit: committed, mayBeLate };
        resumeIfCrashed = undefined;
        ({ committed } = await startDelivery(pass, delivery, signal));
      },
      signal,
    );
    await committed;
    return reached;
  } finally {
    await committed.catch(() => undefined);
  }
}

/**
 * On a first load the resume point is stored before the first page is sent. After a crash the MES may hold records whose outcome is unknown; if
 * the ERP deletes them before the next try, only its list of deletions and the marked parents can tell, and only if they count from the first try.
 */
function isFirstStart({ state }: Pass, { resumed }: PassStart): boolean {
  return state.watermark === null && !resumed;
}

/** Moves an open window's end along with the rows, and names rows that are dated beyond the source's clock. */
function advanceReached(
  pass: Pass,
  { reached, start, mapped }: { reached: string | null; start: PassStart; mapped: MappedRow[] },
): string | null {
  const { stampKind: kind, stampZone } = pass.stream;
  if (kind === 'none') return reached;
  const limit = beliefLimit(kind, pass.sourceNow, stampZone);
  const open = start.window.mode === 'delta' && start.window.to === undefined;
  let newest = reached;
  for (const { stamp } of mapped) {
    if (stamp === null) continue;
    if (stamp > limit) warnOfFuture(pass, stamp);
    else if (open) newest = laterStamp(newest, stamp);
  }
  return newest;
}

/** Once a pass: such a row turns up in every window. */
function warnOfFuture(pass: Pass, stamp: string): void {
  if (!pass.warned.has('future')) pass.events.emit('stamp:in-future', { stream: pass.id, stamp });
  pass.warned.add('future');
}

interface MappedPage {
  mapped: MappedRow[];
  cursor: unknown;
}

/**
 * Mapped as soon as it is there, so that of two pages in memory one at the most is raw. A whole read needs no stamps but of rows
 * whose children are read with them: what is dated in the future turns up in every window after it.
 */
async function* mapPages(
  pass: Pass,
  { window, cursor: from }: PassStart,
  signal: AbortSignal,
): AsyncGenerator<MappedPage> {
  const stamps = window.mode === 'delta' || childStreamOf(pass) !== null;
  for await (const { rows, cursor } of pass.stream.read(window, from, signal)) {
    const mapped = await pass.stream.map(rows, { stamps });
    // Emptied, because the reader behind it holds the page until the next one is there.
    rows.length = 0;
    yield { mapped, cursor };
  }
}

interface Behind {
  cursor: unknown;
  start: PassStart;
  reached: string | null;
}

/** Where a pass that is interrupted goes on. */
export function resumeBehind({ fingerprint }: Pass, { cursor, start, reached }: Behind): ResumePoint {
  const { window, startedAt } = start;
  return { window, startedAt, target: reached, fingerprint, cursor };
}

import type { GoodRow, Stream } from '../connectors/connector.ts';
import { PermanentError } from '../core/errors.ts';
import { refOf } from '../core/records.ts';
import type { RecordRef } from '../core/types.ts';
import { absenceLimit } from './absence-limit.ts';
import type { Pass } from './pass-types.ts';

/**
 * A changed `when` cancels what the MES holds and it leaves out. More of that at once than of vanished records would be believed (D8)
 * looks like a mistake in the condition: counted before anything is sent, it throws PermanentError, and only a person lets it through.
 */
export async function requireFewLeftOut(pass: Pass, release: boolean, signal: AbortSignal): Promise<void> {
  const { store, stream, session, id } = pass;
  if (!stream.selective || release || !isAnew(pass)) return;
  if ((await store.countRecords(session.source, stream.entity)) === 0) return;
  const { live } = await store.countUnseen(session.source, stream.owns);
  const most = absenceLimit(live);
  let leftOut = 0;
  for await (const refs of leftOutRefs(stream, signal)) {
    signal.throwIfAborted();
    const own = refs.filter(({ entity }) => entity === stream.entity);
    leftOut += (await store.heldOf(session.source, own)).length;
    // Nothing is gained by knowing how many more.
    if (leftOut > most) throw new PermanentError(leftOutText(id, { most: Math.floor(most), live }));
  }
}

/** The mapping is another one than in the last completed pass, and no pass with it has got past this before. */
function isAnew({ state, stream, fingerprint }: Pass): boolean {
  return state.fingerprint?.split(' ', 1)[0] !== stream.fingerprint && state.resume?.fingerprint !== fingerprint;
}

/** Records whose rows do not pass `when`, as cheaply as they can be had. */
async function* leftOutRefs(stream: Stream, signal: AbortSignal): AsyncGenerator<RecordRef[]> {
  if (stream.keys !== null) {
    for await (const { keys } of stream.keys.read(signal)) {
      yield keys.filter(({ leftOut }) => leftOut).flatMap(({ refs }) => refs);
    }
    return;
  }
  for await (const { rows } of stream.read({ mode: 'full' }, undefined, signal)) {
    const mapped = await stream.map(rows, { stamps: false });
    const leftOut = mapped.filter((row): row is GoodRow => row.kind === 'good' && row.leftOut === true);
    yield leftOut.flatMap(({ records }) => records.map(refOf));
  }
}

function leftOutText(stream: string, { most, live }: { most: number; live: number }): string {
  return (
    `${stream}: the changed mapping leaves out more than ${most} records that the MES holds, of ${live} active ones. ` +
    `Nothing was cancelled, and the stream stands still. Look at when; erp-puller plan ${stream} --release says what would be ` +
    `cancelled. If that is right: erp-puller sync ${stream} --release.`
  );
}

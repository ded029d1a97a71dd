import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { forgetfulNotes, type Notes } from '../../../src/push/eryxon/notes.ts';
import { createSession } from '../../../src/push/eryxon/session.ts';
import { ready, record } from '../../support/push-builders.ts';

/** Notes of a state that cannot be read for a while. */
function failingNotes(): Notes & { mend(): void } {
  const notes = forgetfulNotes();
  let broken = true;
  const whole = () => {
    if (broken) throw new Error('disk I/O error');
  };
  const failing: Pick<Notes, 'readNote' | 'sentCreate'> = {
    async readNote(name) {
      whole();
      return notes.readNote(name);
    },
    async sentCreate(ref) {
      whole();
      return notes.sentCreate(ref);
    },
  };
  function mend(): void {
    broken = false;
  }
  return { ...notes, ...failing, mend };
}

describe('what is known of an installation', () => {
  it('is read again after a fault of the state has passed', async () => {
    const notes = failingNotes();
    const session = createSession({ notes, clock: systemClock, sampleUpdates: 0 });
    await expect(session.proofCost('job')).rejects.toThrow('disk I/O error');
    await expect(session.posted.find(ready(record('job', '1')))).rejects.toThrow('disk I/O error');
    notes.mend();
    expect(await session.proofCost('job')).toEqual({ distrusted: false, listPages: 1 });
    expect(await session.posted.find(ready(record('job', '1')))).toBeUndefined();
  });

  it('keeps the notes of all creates when one is noted again and a restart follows', async () => {
    const notes = forgetfulNotes();
    const open = () => createSession({ notes, clock: systemClock, sampleUpdates: 0 }).posted;
    const [one, two, three, four] = ['1', '2', '3', '4'].map((id) => ready(record('operation', id)));
    const before = open();
    for (const each of [one, two, three, one]) if (each !== undefined) await before.note(each, null);
    const after = open();
    if (four !== undefined) await after.note(four, null);
    for (const each of [one, two, three, four]) expect(each && (await after.find(each))).toBeDefined();
  });

  it('keeps a distrust that came up while the notes were read', async () => {
    const session = createSession({ notes: forgetfulNotes(), clock: systemClock, sampleUpdates: 0 });
    const looking = session.proofCost('job');
    await session.distrust();
    await looking;
    expect(await session.proofCost('job')).toMatchObject({ distrusted: true });
  });
});

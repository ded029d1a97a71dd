import { describe, expect, it } from 'vitest';
import { PermanentError, TransientError } from '../../src/core/errors.ts';
import { type FakeRow, fakeStream, openRig, source, start } from '../support/pass-rig.ts';
import { collect } from '../support/plant.ts';

function job(id: string): FakeRow {
  const stamp = new Date(start.getTime() - 3_600_000).toISOString();
  const fields = { job_number: id };
  return {
    key: id,
    stamp,
    records: [{ entity: 'job', source, externalId: id, parents: {}, fields, lifecycle: 'active' }],
  };
}

/** A stream that fails as told. */
function failing(name: string, error: () => unknown) {
  return fakeStream([], {
    name,
    async *read() {
      const thrown = error();
      if (thrown !== undefined) throw thrown;
      yield* [];
    },
  });
}

const scheduled = { manual: false };

describe('a cycle', () => {
  it('runs the streams in their order and tells how each ended', async () => {
    const rig = await openRig([fakeStream([job('1')], { name: 'a' }), fakeStream([job('2')], { name: 'b' })]);
    const finished = collect(rig.events, 'stream:finished');
    const cycles = collect(rig.events, 'cycle:finished');
    const results = await rig.run();
    expect(results.map(({ stream, outcome, created }) => [stream, outcome, created])).toEqual([
      ['a', 'ok', 1],
      ['b', 'ok', 1],
    ]);
    expect(results[0]?.watermark).toEqual({ before: null, after: start.toISOString() });
    expect(finished.map(({ result }) => result)).toEqual(results);
    expect(cycles).toMatchObject([{ connector: 'plant', results }]);
  });

  it('runs only the streams that were asked for', async () => {
    const rig = await openRig([fakeStream([], { name: 'a' }), fakeStream([job('2')], { name: 'b' })]);
    const signal = new AbortController().signal;
    const request = { streams: new Set(['b']), full: false, manual: true, release: false };
    expect((await rig.cycle.run(request, signal)).map(({ stream }) => stream)).toEqual(['b']);
  });

  it('goes on with the next stream after one that the ERP did not answer', async () => {
    const rig = await openRig([
      failing('a', () => new TransientError('HTTP 503')),
      fakeStream([job('2')], { name: 'b' }),
    ]);
    const results = await rig.run();
    expect(results).toMatchObject([
      { stream: 'a', outcome: 'failed', error: 'HTTP 503', watermark: { before: null, after: null } },
      { stream: 'b', outcome: 'ok', created: 1 },
    ]);
    expect(rig.cycle.paused().size).toBe(0);
  });

  it.each([
    ['the MES cannot be reached', new TransientError('HTTP 502')],
    ['the MES refuses the key', new PermanentError('key', { credentials: true })],
  ])('does not try the streams behind one whose push failed because %s', async (_why, error) => {
    const rig = await openRig([fakeStream([job('1')], { name: 'a' }), fakeStream([job('2')], { name: 'b' })]);
    rig.sink.before = () => {
      throw error;
    };
    const results = await rig.run();
    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
    expect(results[1]?.error).toBe(`Not run: ${error.message}`);
    rig.sink.before = () => undefined;
    expect((await rig.run()).map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
  });

  it('does not try the streams behind one whose credentials the ERP refused', async () => {
    const rig = await openRig([
      failing('a', () => new PermanentError('HTTP 401', { credentials: true })),
      fakeStream([job('2')], { name: 'b' }),
    ]);
    expect(await rig.run()).toMatchObject([{ outcome: 'failed' }, { outcome: 'failed', error: 'Not run: HTTP 401' }]);
  });

  it('leaves a paused stream alone until its pause is over, and others run meanwhile', async () => {
    let error: unknown = new PermanentError('HTTP 403');
    let reads = 0;
    const a = failing('a', () => {
      reads += 1;
      return error;
    });
    const rig = await openRig([a, fakeStream([job('2')], { name: 'b' })]);
    expect(await rig.run(scheduled)).toMatchObject([{ outcome: 'failed' }, { outcome: 'ok' }]);
    expect(await rig.run(scheduled)).toMatchObject([{ outcome: 'failed', error: 'HTTP 403' }, { outcome: 'ok' }]);
    expect(reads).toBe(1);
    expect(rig.cycle.paused().get('a')?.reason).toBe('HTTP 403');
    await rig.clock.advance(15 * 60_000);
    error = undefined;
    expect(await rig.run(scheduled)).toMatchObject([{ outcome: 'ok' }, { outcome: 'ok' }]);
    expect(reads).toBe(2);
    expect(rig.cycle.paused().size).toBe(0);
  });

  it('tries a paused stream when a person asks for it', async () => {
    let reads = 0;
    const rig = await openRig([
      failing('a', () => {
        reads += 1;
        return new PermanentError('HTTP 403');
      }),
    ]);
    await rig.run(scheduled);
    await rig.run({ manual: true });
    expect(reads).toBe(2);
  });

  it('ends soon when it is told to stop, runs nothing more and keeps the watermarks', async () => {
    const aborter = new AbortController();
    const rows = Array.from({ length: 10 }, (_, index) => job(`${index}`));
    const rig = await openRig([fakeStream(rows, { name: 'a', pageSize: 1 }), fakeStream([], { name: 'b' })]);
    rig.sink.before = () => aborter.abort(new Error('The program is stopping.'));
    const request = { streams: undefined, full: false, manual: true, release: false };
    const stopped = new Promise((resolve) => aborter.signal.addEventListener('abort', resolve));
    const results = await rig.cycle.run(request, aborter.signal);
    await stopped;
    expect(results[1]).toMatchObject({ stream: 'b', outcome: 'failed' });
    expect((await rig.store.begin('plant/b')).watermark).toBeNull();
  });

  it('tells where a stream stands that could not begin, or was not run', async () => {
    let refused = false;
    const streams = [fakeStream([job('1')], { name: 'a' }), fakeStream([job('2')], { name: 'b' })];
    const rig = await openRig(streams, (store) => ({
      ...store,
      begin: (id) =>
        refused ? Promise.reject(new PermanentError('HTTP 401', { credentials: true })) : store.begin(id),
    }));
    await rig.run();
    refused = true;
    const watermark = { before: start.toISOString(), after: start.toISOString() };
    expect(await rig.run()).toMatchObject([
      { outcome: 'failed', error: 'HTTP 401', watermark },
      { outcome: 'failed', error: 'Not run: HTTP 401', watermark },
    ]);
  });

  it('never throws, whatever its listeners or the state do', async () => {
    const rig = await openRig([fakeStream([job('1')])], (store) => ({
      ...store,
      begin: () => Promise.reject(new Error('disk full')),
    }));
    expect(await rig.run()).toMatchObject([{ outcome: 'failed', error: 'disk full', watermark: { before: null } }]);
  });
});

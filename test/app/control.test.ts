import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type ControlHandler, callControl, serveControl } from '../../src/app/control.ts';
import { BusyError, ConfigError, WaitError } from '../../src/core/errors.ts';
import { scratchDirectory } from '../support/state-builders.ts';

const signal = new AbortController().signal;
const echo: ControlHandler = async (verb, args) => ({ verb, args });
const request = { verb: 'sync', args: { stream: 'plant/orders', full: true } };

async function serve(directory: string, handler: ControlHandler): Promise<() => Promise<void>> {
  const server = await serveControl(directory, handler);
  let open = true;
  const close = async () => {
    if (open) await server.close();
    open = false;
  };
  onTestFinished(close);
  return close;
}

describe.each([
  ['a short path', scratchDirectory],
  [
    'a path longer than a socket may have',
    () => {
      const directory = join(scratchDirectory(), 'd'.repeat(120));
      mkdirSync(directory);
      return directory;
    },
  ],
])('the control socket of a directory with %s', (_, makeDirectory) => {
  it('carries a request to the daemon and its answer back', async () => {
    const directory = makeDirectory();
    await serve(directory, echo);
    expect(await callControl(directory, request, signal)).toEqual(request);
  });

  it('answers that no daemon listens before one starts and after it has stopped', async () => {
    const directory = makeDirectory();
    writeFileSync(join(directory, 'file'), '');
    expect(await callControl(join(directory, 'file'), request, signal)).toBeUndefined();
    expect(await callControl(directory, request, signal)).toBeUndefined();
    const close = await serve(directory, echo);
    await close();
    expect(await callControl(directory, request, signal)).toBeUndefined();
  });
});

describe('the control socket', () => {
  it('is for its owner only', async () => {
    const directory = scratchDirectory();
    await serve(directory, echo);
    expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600);
  });

  it('answers with null when there is nothing to say', async () => {
    const directory = scratchDirectory();
    await serve(directory, async () => undefined);
    expect(await callControl(directory, request, signal)).toBeNull();
  });

  it('carries more than one packet holds', async () => {
    const directory = scratchDirectory();
    await serve(directory, echo);
    const args = 'ä'.repeat(1_000_000);
    expect(await callControl(directory, { verb: 'sync', args }, signal)).toEqual({ verb: 'sync', args });
  });

  it('carries until when to wait', async () => {
    const directory = scratchDirectory();
    const until = '2099-01-01T00:00:00.000Z';
    const thrown = new WaitError(`The day is used up until ${until}.`, { until, retryAfterMs: 1 });
    await serve(directory, () => Promise.reject(thrown));
    const error = await callControl(directory, request, signal).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WaitError);
    expect(error).toMatchObject({ message: thrown.message, until, retryAfterMs: expect.toSatisfy((ms) => ms > 1e9) });
  });

  it.each([new ConfigError('no such stream'), new BusyError('a cycle is running'), new Error('odd')])(
    'throws what the daemon threw: %s',
    async (thrown) => {
      const directory = scratchDirectory();
      await serve(directory, () => Promise.reject(thrown));
      const caught = await callControl(directory, request, signal).catch((error: unknown) => error);
      expect(caught).toBeInstanceOf(thrown.constructor);
      expect(caught).toMatchObject({ name: thrown.name, message: thrown.message });
    },
  );

  it('says so when the daemon stops before it has answered', async () => {
    const directory = scratchDirectory();
    const asked = Promise.withResolvers<void>();
    const close = await serve(directory, () => {
      asked.resolve();
      return new Promise(() => undefined);
    });
    const answer = callControl(directory, request, signal);
    const failed = expect(answer).rejects.toThrow();
    await asked.promise;
    await close();
    await failed;
  });

  it('is not waited for any longer when the caller gives up', async () => {
    const directory = scratchDirectory();
    const giveUp = new AbortController();
    await serve(directory, () => {
      giveUp.abort(new Error('enough'));
      return new Promise(() => undefined);
    });
    await expect(callControl(directory, request, giveUp.signal)).rejects.toThrow('enough');
  });

  it('survives a caller that speaks something else or goes away', async () => {
    const directory = scratchDirectory();
    await serve(directory, echo);
    const socket = connect(join(directory, 'control.sock'));
    socket.end('GET / HTTP/1.1\r\n\r\n').resume();
    await once(socket, 'close');
    expect(await callControl(directory, request, signal)).toEqual(request);
  });

  it('survives a caller that is gone before its answer is ready', async () => {
    const directory = scratchDirectory();
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<string>();
    await serve(directory, async (verb) => {
      if (verb !== 'slow') return verb;
      asked.resolve();
      return answer.promise;
    });
    const leaving = new AbortController();
    const call = callControl(directory, { verb: 'slow', args: {} }, leaving.signal);
    await asked.promise;
    leaving.abort();
    await expect(call).rejects.toThrow();
    answer.resolve('x'.repeat(1_000_000));
    expect(await callControl(directory, { verb: 'quick', args: {} }, signal)).toBe('quick');
  });

  it('says what to do where none can be made: the temporary directory has a long path too', async () => {
    const directory = join(scratchDirectory(), 'd'.repeat(120));
    mkdirSync(directory);
    vi.stubEnv('TMPDIR', join(scratchDirectory(), 't'.repeat(120)));
    onTestFinished(() => void vi.unstubAllEnvs());
    const failed = await serveControl(directory, echo).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ConfigError);
    expect(String(failed)).toMatch(
      /The control socket .*t{120}.* cannot be made: .*\. Name a state\.directory on a local disk/,
    );
  });

  it('replaces the socket of a daemon that was killed', async () => {
    const directory = scratchDirectory();
    const program = `require('node:net').createServer().listen(process.argv[1], () => process.stdout.write('up'))`;
    const killed = spawn(process.execPath, ['-e', program, join(directory, 'control.sock')]);
    await once(killed.stdout, 'data');
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    expect(existsSync(join(directory, 'control.sock'))).toBe(true);
    expect(await callControl(directory, request, signal)).toBeUndefined();
    await serve(directory, echo);
    expect(await callControl(directory, request, signal)).toEqual(request);
  });
});

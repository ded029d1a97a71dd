import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, lstat, mkdir, rm, stat } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { systemClock } from '../core/clock.ts';
import {
  BusyError,
  ConfigError,
  messageOf,
  PermanentError,
  RecordError,
  TransientError,
  UsageError,
  WaitError,
} from '../core/errors.ts';
import { systemCode } from '../state/failure.ts';
import { LeaseLostError } from '../state/store.ts';

export interface ControlRequest {
  verb: string;
  args: unknown;
}

/** Answers one request; arguments and result travel as JSON. */
export type ControlHandler = (verb: string, args: unknown) => Promise<unknown>;

type Answer = { result: unknown } | { error: { name: string; message: string; until?: string } };

/** macOS allows 104 bytes with the closing NUL, Linux 108. */
const longestPath = 100;
/** Between the end of a run and its answer. */
const answerMs = 1000;
const knownErrors = new Map<string, new (message: string) => Error>([
  ['BusyError', BusyError],
  ['ConfigError', ConfigError],
  ['LeaseLostError', LeaseLostError],
  ['PermanentError', PermanentError],
  ['RecordError', RecordError],
  ['TransientError', TransientError],
  ['UsageError', UsageError],
]);

/**
 * Lets other processes of the same user ask the daemon that holds a state directory. Only the holder of its lock may serve:
 * a socket file that is there already is then certain to be a dead daemon's, and is replaced. Throws ConfigError where none can be made.
 */
export async function serveControl(directory: string, handler: ControlHandler): Promise<{ close(): Promise<void> }> {
  const path = socketPath(directory);
  const open = new Set<Socket>();
  const underWay = new Set<Promise<unknown>>();
  const followed: ControlHandler = (verb, args) => {
    const work = handler(verb, args);
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // A caller that is gone before its answer must not end the daemon.
    socket.on('error', () => socket.destroy());
    void answer(socket, followed);
  });
  try {
    await listen(server, path, directory);
  } catch (error) {
    server.close();
    throw error instanceof ConfigError ? error : noSocket(path, error);
  }
  // Too many open files, say: the next caller may be luckier.
  server.on('error', () => undefined);
  return {
    async close() {
      // What has just ended is answered; what was given up is not waited for.
      await Promise.race([
        Promise.allSettled(underWay).then(() => setImmediate()),
        setTimeout(answerMs, undefined, { ref: false }),
      ]);
      await close(server, open);
      if (!isInside(path, directory)) await rm(dirname(path), { recursive: true, force: true });
    },
  };
}

/** Asks the daemon of a state directory; undefined when none listens, null when it answers with nothing. Throws what its handler threw. */
export async function callControl(directory: string, request: ControlRequest, signal: AbortSignal): Promise<unknown> {
  const path = socketPath(directory);
  const socket = createConnection({ path, signal });
  try {
    await once(socket, 'connect');
    await requireOwner(path, directory);
    socket.end(`${JSON.stringify(request)}\n`);
    return readAnswer(await text(socket), directory);
  } catch (error) {
    signal.throwIfAborted();
    const code = systemCode(error) ?? '';
    if (['ENOENT', 'ENOTDIR', 'ECONNREFUSED'].includes(code)) return undefined;
    if (['EACCES', 'EPERM'].includes(code)) throw notOurs(directory, error);
    throw error;
  } finally {
    socket.destroy();
  }
}

function notOurs(directory: string, cause: unknown): ConfigError {
  const advice = 'Run this as the user that the daemon runs as.';
  return new ConfigError(`The state in ${directory} is another user's: ${messageOf(cause)}. ${advice}`, { cause });
}

async function answer(socket: Socket, handler: ControlHandler): Promise<void> {
  try {
    const request: ControlRequest = JSON.parse(await text(socket));
    socket.end(`${JSON.stringify(await outcomeOf(request, handler))}\n`);
  } catch {
    // The caller went away or spoke something else: it is the one to notice.
    socket.destroy();
  }
}

async function outcomeOf({ verb, args }: ControlRequest, handler: ControlHandler): Promise<Answer> {
  try {
    return { result: (await handler(verb, args)) ?? null };
  } catch (error) {
    const until = error instanceof WaitError ? { until: error.until } : {};
    return { error: { name: error instanceof Error ? error.name : 'Error', message: messageOf(error), ...until } };
  }
}

function readAnswer(line: string, directory: string): unknown {
  if (line === '') throw new TransientError(`The daemon of ${directory} closed the connection without an answer.`);
  const reply: Answer = JSON.parse(line);
  if ('result' in reply) return reply.result;
  const { name, message, until } = reply.error;
  if (until !== undefined) {
    throw new WaitError(message, { until, retryAfterMs: Date.parse(until) - systemClock.now().getTime() });
  }
  const Known = knownErrors.get(name) ?? Error;
  throw new Known(message);
}

async function listen(server: Server, path: string, directory: string): Promise<void> {
  if (!isInside(path, directory)) await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await requireOwner(path, directory);
  await rm(path, { force: true });
  await once(server.listen(path), 'listening');
  await chmod(path, 0o600);
}

function noSocket(path: string, cause: unknown): ConfigError {
  const advice = `Name a state.directory on a local disk, with a path of ${longestPath - '/control.sock'.length} bytes at most.`;
  return new ConfigError(`The control socket ${path} cannot be made: ${messageOf(cause)}. ${advice}`, { cause });
}

async function close(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  for (const socket of open) socket.destroy();
  await closed;
}

/** A socket's path is short by law of the system: for a long directory it stands in the temporary one, named after it. */
function socketPath(directory: string): string {
  const path = join(resolve(directory), 'control.sock');
  if (Buffer.byteLength(path) <= longestPath) return path;
  const name = createHash('sha256').update(resolve(directory)).digest('hex').slice(0, 16);
  return join(tmpdir(), `erp-puller-${name}`, 'control.sock');
}

function isInside(path: string, directory: string): boolean {
  return dirname(path) === resolve(directory);
}

/** In a directory that everybody may write to, somebody else could have put up a socket of that name first. */
async function requireOwner(path: string, directory: string): Promise<void> {
  if (isInside(path, directory)) return;
  const [holder, owner] = [await lstat(dirname(path)), await stat(directory)];
  if (holder.isDirectory() && holder.uid === owner.uid && (holder.mode & 0o077) === 0) return;
  throw new ConfigError(
    `${dirname(path)} does not belong to the owner of ${directory} alone. Remove it and start again.`,
  );
}

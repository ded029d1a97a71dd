import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Adapter, Low } from 'lowdb';
import { ConfigError } from '../core/errors.ts';
import type { Watermark } from '../core/types.ts';
import { requireDirectory } from './directory.ts';
import { generationsOf, replaceFile } from './durable-file.ts';
import { DamagedStateError, systemCode } from './failure.ts';

export const watermarkFileName = 'watermarks.json';

/** The whole file, apart from its checksum: small and readable, an operator may look at it. */
export interface Watermarks {
  version: number;
  /** The ledger beside it carries the same. */
  stateId: string;
  /** Of the last change; the ledger is never behind it. */
  sequence: number;
  streams: Record<string, StreamEntry>;
}

export interface StreamEntry {
  watermark: Watermark | null;
  /** Sequence of the last durable change of this entry. A resume point carries the number that it was saved under, and is void under any other. */
  run: number;
  fingerprint: string | null;
  lastFullRead: string | null;
  /** Source time at which all open parents were last marked. */
  lastSweep: string | null;
  lastSuccess: string | null;
}

const noEntry: StreamEntry = {
  watermark: null,
  run: 0,
  fingerprint: null,
  lastFullRead: null,
  lastSweep: null,
  lastSuccess: null,
};

/** A stream that has never been read through has none. */
export function entryOf(watermarks: Watermarks, stream: string): StreamEntry {
  return watermarks.streams[stream] ?? noEntry;
}

export interface WatermarkFile {
  /** What is durable, and what is held. A file that does not exist yet reads as empty, with an id minted for it. */
  current(): Watermarks;
  exists(): boolean;
  /** Changes are made one after the other; one that fails leaves `current` as it was. */
  update(change: (current: Watermarks) => Watermarks): Promise<void>;
  /** Makes a change that becomes durable with the next update. */
  hold(change: (current: Watermarks) => Watermarks): Promise<void>;
  /** Whether anything is held. */
  holds(): boolean;
  /** Resolves when no change is being written. */
  idle(): Promise<void>;
}

const fileVersion = 1;

/** Opens the watermark file of a state directory; throws ConfigError for one that is damaged, foreign or lost. */
export async function openWatermarkFile(directory: string): Promise<WatermarkFile> {
  requireDirectory(directory);
  const path = join(directory, watermarkFileName);
  const empty: Watermarks = { version: fileVersion, stateId: randomUUID(), sequence: 0, streams: {} };
  const low = new Low<Watermarks>(durableAdapter(path), empty);
  await low.read();
  const onDisk = () => low.data !== empty;
  if (!onDisk() && hasGenerations(path))
    throw new DamagedStateError(`${path} is missing, earlier generations are there`);

  let last: Promise<void> = Promise.resolve();
  let held = false;
  const inTurn = (work: () => void | Promise<void>) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const write = async (change: (current: Watermarks) => Watermarks) => {
    const before = low.data;
    low.data = change(before);
    try {
      await low.write();
      held = false;
    } catch (error) {
      low.data = before;
      throw error;
    }
  };
  return {
    current: () => low.data,
    exists: onDisk,
    update: (change) => inTurn(() => write(change)),
    hold: (change) =>
      inTurn(() => {
        low.data = change(low.data);
        held = true;
      }),
    holds: () => held,
    idle: () => last,
  };
}

/** Reads a watermark file, or a generation of one; null when there is none. Throws ConfigError saying what is wrong with it. */
export async function readWatermarks(path: string): Promise<Watermarks | null> {
  try {
    return parseWatermarks(await readFile(path), path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Writes a watermark file so that a power cut leaves the old or the new one. */
export async function writeWatermarks(path: string, watermarks: Watermarks): Promise<void> {
  await replaceFile(path, formatWatermarks(watermarks));
}

/** lowdb's own adapter renames a file that it never flushed: after a power cut that can be an empty one. */
function durableAdapter(path: string): Adapter<Watermarks> {
  return {
    read: () => readWatermarks(path),
    write: (watermarks) => writeWatermarks(path, watermarks),
  };
}

function hasGenerations(path: string): boolean {
  try {
    return generationsOf(path).length > 0;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function formatWatermarks(watermarks: Watermarks): string {
  const { version, stateId, sequence, streams } = watermarks;
  const content = { version, stateId, sequence, checksum: checksumOf(watermarks), streams };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function parseWatermarks(bytes: Buffer, path: string): Watermarks {
  if (bytes.length === 0) throw new DamagedStateError(`${path} is empty`);
  if (bytes.includes(0)) throw new DamagedStateError(`${path} holds NUL bytes, as after a power cut`);
  const content = parseJson(bytes.toString('utf8'), path);
  if (!isOurs(content)) throw new DamagedStateError(`${path} is not a watermark file of erp-puller`);
  const { checksum, ...watermarks } = content;
  requireVersion(watermarks.version, path);
  if (checksum === checksumOf(watermarks)) return watermarks;
  throw new DamagedStateError(`${path} is damaged or was edited by hand: its checksum does not match its content`);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DamagedStateError(`${path} is truncated or damaged: it is not JSON`, { cause: error });
  }
}

function isOurs(content: unknown): content is Watermarks & { checksum: string } {
  if (typeof content !== 'object' || content === null) return false;
  const { version, stateId, checksum } = content as Record<string, unknown>;
  return typeof version === 'number' && typeof stateId === 'string' && typeof checksum === 'string';
}

function requireVersion(version: number, path: string): void {
  if (version === fileVersion) return;
  if (version < fileVersion) throw new DamagedStateError(`${path} has the unknown version ${version}`);
  throw new ConfigError(
    `${path} was written by a newer erp-puller (version ${version}, this one knows ${fileVersion}). ` +
      'Nothing was changed. Run that program, or `erp-puller state restore` with a backup made by this one.',
  );
}

/** Over the content, not its layout. Our keys are never numbers, so parsing keeps their order. */
function checksumOf({ version, stateId, sequence, streams }: Watermarks): string {
  return createHash('sha256')
    .update(JSON.stringify([version, stateId, sequence, streams]))
    .digest('hex');
}

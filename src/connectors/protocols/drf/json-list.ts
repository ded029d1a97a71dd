import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { TransientError } from '../../../core/errors.ts';

/** A JSON array, parsed a few elements at a time. */
export interface JsonList {
  /** Number of elements. */
  length: number;
  /** Throws TransientError where the elements are no JSON. */
  pages(size: number): Generator<unknown[]>;
}

/** Takes a JSON array in as it comes: a list of any length is held packed, which is a tenth of it and less. */
export interface JsonListReader {
  add(piece: Buffer): void;
  /** Throws TransientError where what came is not one whole array. */
  end(): JsonList;
}

/** Elements in a row, with the commas between them. */
interface Block {
  text: Buffer;
  /** Bytes of the text before it was packed; 0 for one that is not. */
  packedFrom: number;
  elements: number;
}

/** Some hundred rows; a list that is shorter is not packed. */
const blockBytes = 262_144;
/** The fastest: rows of a list are so alike that more effort gains little. */
const level = 1;

/** `what` says whose answer it is. */
export function createJsonListReader(what: string): JsonListReader {
  const blocks: Block[] = [];
  const scanner = createScanner();
  let pieces: Buffer[] = [];
  let bytes = 0;
  let elements = 0;

  function keep(part: Buffer): void {
    pieces.push(part);
    bytes += part.length;
  }

  function endBlock(pack: boolean): void {
    const text = Buffer.concat(pieces);
    const packed = pack ? deflateRawSync(text, { level }) : text;
    blocks.push({ text: packed, packedFrom: pack ? text.length : 0, elements });
    pieces = [];
    bytes = 0;
    elements = 0;
  }

  function add(piece: Buffer): void {
    let from = 0;
    scanner.scan(piece, (at, mark) => {
      if (mark === 'comma') {
        elements += 1;
        if (bytes + at - from < blockBytes) return;
      }
      if (mark !== 'open') keep(piece.subarray(from, at));
      if (mark === 'comma') endBlock(true);
      from = at + 1;
    });
    if (scanner.isInside()) keep(piece.subarray(from));
  }

  function end(): JsonList {
    if (!scanner.isWhole()) {
      throw new TransientError(`${what} answered with JSON that is no list, or breaks off.`, { malformed: true });
    }
    const isEmpty = blocks.length === 0 && elements === 0 && pieces.every((piece) => piece.toString().trim() === '');
    elements += isEmpty ? 0 : 1;
    if (elements > 0) endBlock(false);
    return listOf(blocks, what);
  }

  return { add, end };
}

function listOf(blocks: readonly Block[], what: string): JsonList {
  return {
    length: blocks.reduce((sum, { elements }) => sum + elements, 0),
    *pages(size) {
      let waiting: unknown[] = [];
      for (const block of blocks) {
        waiting = waiting.concat(elementsOf(block, what));
        let at = 0;
        for (; at + size <= waiting.length; at += size) yield waiting.slice(at, at + size);
        waiting = waiting.slice(at);
      }
      if (waiting.length > 0) yield waiting;
    },
  };
}

function elementsOf({ text, packedFrom, elements }: Block, what: string): unknown[] {
  const plain = packedFrom === 0 ? text : inflateRawSync(text, { chunkSize: Math.max(packedFrom, 64) });
  const parsed = parse(`[${plain.toString()}]`);
  if (parsed?.length === elements) return parsed;
  throw new TransientError(`${what} answered with a list that is no JSON.`, { malformed: true });
}

function parse(text: string): unknown[] | undefined {
  try {
    return JSON.parse(text) as unknown[];
  } catch {
    return undefined;
  }
}

/** The brackets of the outermost array, and the commas between its elements. */
type Mark = 'open' | 'comma' | 'close';

interface Scanner {
  /** What it looks for is of one byte each, wherever a piece is cut. */
  scan(piece: Buffer, found: (at: number, mark: Mark) => void): void;
  isInside(): boolean;
  /** One array has been seen, and nothing else. */
  isWhole(): boolean;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

function createScanner(): Scanner {
  let depth = 0;
  let isClosed = false;
  let isOther = false;
  let inText = false;
  let escaped = false;

  function passText(byte: number): void {
    if (escaped) escaped = false;
    else if (byte === backslash) escaped = true;
    else if (byte === quote) inText = false;
  }

  /** Outside the array there may be blanks only. */
  function passOutside(byte: number): Mark | undefined {
    if (byte === 0x5b && !isClosed) {
      depth = 1;
      return 'open';
    }
    isOther ||= !isBlank(byte);
    return undefined;
  }

  function passInside(byte: number): Mark | undefined {
    if (byte === quote) inText = true;
    else if (byte === comma) return depth === 1 ? 'comma' : undefined;
    else depth += nesting(byte);
    isClosed = depth === 0;
    return isClosed ? 'close' : undefined;
  }

  return {
    scan(piece, found) {
      for (let at = 0; at < piece.length; at += 1) {
        const byte = piece[at] as number;
        if (inText) passText(byte);
        else {
          const mark = depth === 0 ? passOutside(byte) : passInside(byte);
          if (mark !== undefined) found(at, mark);
        }
      }
    },
    isInside: () => depth > 0,
    isWhole: () => isClosed && !isOther,
  };
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** How much deeper a byte leads. */
function nesting(byte: number): -1 | 0 | 1 {
  if (byte === 0x5b || byte === 0x7b) return 1;
  return byte === 0x5d || byte === 0x7d ? -1 : 0;
}

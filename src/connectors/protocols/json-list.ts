import { TransientError } from '../../core/errors.ts';

/** A JSON array as text, parsed a few elements at a time: a list of any length is held once, as the bytes that it came in. */
export interface JsonList {
  /** Number of elements. */
  length: number;
  pages(size: number): Generator<unknown[]>;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/** Throws TransientError where the text is not one whole array; `what` says whose answer it is. */
export function readJsonList(text: string, what: string): JsonList {
  const ends = endsOf(text);
  if (ends === undefined) {
    throw new TransientError(`${what} answered with JSON that is no list, or breaks off.`, { malformed: true });
  }
  const start = text.indexOf('[') + 1;
  return {
    length: ends.length,
    *pages(size) {
      for (let first = 0; first < ends.length; first += size) {
        const last = Math.min(first + size, ends.length) - 1;
        const from = first === 0 ? start : (ends[first - 1] ?? 0) + 1;
        const elements = parse(`[${text.slice(from, ends[last])}]`);
        if (elements?.length !== last - first + 1) {
          throw new TransientError(`${what} answered with a list that is no JSON.`, { malformed: true });
        }
        yield elements;
      }
    },
  };
}

function parse(text: string): unknown[] | undefined {
  try {
    return JSON.parse(text) as unknown[];
  } catch {
    return undefined;
  }
}

/** Where each element of the array ends; undefined when the text is not one array. */
function endsOf(text: string): number[] | undefined {
  const open = /^\s*\[/.exec(text)?.[0].length;
  if (open === undefined) return undefined;
  const ends: number[] = [];
  let depth = 1;
  let at = open;
  for (; at < text.length && depth > 0; at += 1) {
    const code = text.charCodeAt(at);
    if (code === quote) at = endOfText(text, at);
    else if (code !== comma) depth += nesting(code);
    else if (depth === 1) ends.push(at);
  }
  const close = at - 1;
  if (depth > 0 || text[close] !== ']' || text.slice(at).trim() !== '') return undefined;
  if (ends.length > 0 || text.slice(open, close).trim() !== '') ends.push(close);
  return ends;
}

/** How much deeper a character leads. */
function nesting(code: number): -1 | 0 | 1 {
  if (code === 0x5b || code === 0x7b) return 1;
  return code === 0x5d || code === 0x7d ? -1 : 0;
}

/** The closing quote of the text that begins at `at`; the end of everything when there is none. */
function endOfText(text: string, at: number): number {
  let close = text.indexOf('"', at + 1);
  while (close >= 0 && isEscaped(text, close)) close = text.indexOf('"', close + 1);
  return close < 0 ? text.length : close;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === backslash) slashes += 1;
  return slashes % 2 === 1;
}

import type { FieldValue, MesRecord } from '../core/types.ts';

/** Characters of one mark: 18 bits. */
const width = 3;
const digits = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_');

/** Where the marks of a record are put together: as pieces of text they would cost half as much again. */
let room = Buffer.alloc(100 * width);

/**
 * A few characters for each field and parent of a record, by which a later version can tell which of them differ, without the
 * values being kept. They decide nothing: whether a record differs at all is for the sync hash to say.
 */
export function fieldMarks({ fields, parents }: Pick<MesRecord, 'fields' | 'parents'>): string {
  let end = 0;
  for (const name in fields) end = putMark(end, bitsOf(name, fields[name] ?? null));
  for (const name in parents) end = putMark(end, bitsOf(name, parents[name as keyof typeof parents] ?? null));
  return room.toString('latin1', 0, end);
}

/** Names of the fields and parents whose mark is not among those kept, in the record's order. */
export function changedFields(record: Pick<MesRecord, 'fields' | 'parents'>, kept: string): string[] {
  const known = new Set<string>();
  for (let at = 0; at < kept.length; at += width) known.add(kept.slice(at, at + width));
  const all: Record<string, FieldValue> = { ...record.fields, ...record.parents };
  return Object.keys(all).filter((name) => !known.has(markOf(name, all[name] ?? null)));
}

function markOf(name: string, value: FieldValue): string {
  return room.toString('latin1', 0, putMark(0, bitsOf(name, value)));
}

/** Returns where the next one goes. */
function putMark(at: number, bits: number): number {
  const end = at + width;
  if (end > room.length) room = Buffer.concat([room], 2 * room.length);
  room[at] = digits[(bits >>> 6) & 63] ?? 0;
  room[at + 1] = digits[bits & 63] ?? 0;
  room[at + 2] = digits[(bits >>> 12) & 63] ?? 0;
  return end;
}

/** FNV-1a over name and value: fast, and nobody gains by making two fields collide. */
function bitsOf(name: string, value: FieldValue): number {
  let hash = seedOf(name);
  if (typeof value === 'string') {
    for (let at = 0; at < value.length; at += 1) hash = Math.imul(hash ^ value.charCodeAt(at), prime);
  } else {
    hash = hashOther(hash, value);
  }
  return hash ^ (hash >>> 15);
}

/** Never the same as that of a text. */
function hashOther(seed: number, value: number | boolean | null): number {
  const text = `\u0000${value}`;
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), prime);
  return hash;
}

const prime = 0x01000193;
const offset = 0x811c9dc5;
const seeds = new Map<string, number>();

/** Field names are few and come with every record. */
function seedOf(name: string): number {
  const known = seeds.get(name);
  if (known !== undefined) return known;
  let seed = offset;
  for (let at = 0; at < name.length; at += 1) seed = Math.imul(seed ^ name.charCodeAt(at), prime);
  seed = Math.imul(seed ^ 0x3d, prime);
  seeds.set(name, seed);
  return seed;
}

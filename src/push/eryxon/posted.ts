import { businessKeyOf } from '../../core/records.ts';
import type { MesRecord } from '../../core/types.ts';
import type { ReadyChange } from '../sink.ts';
import type { Notes } from './notes.ts';

/** A create that was sent, and the id that the answer named; null while no answer has come. */
export interface Posted {
  hash: string;
  mesId: string | null;
  /** Name or number that it was created under: it may have another by now. */
  businessKey: string | null;
}

/**
 * What was created lately, kept from before each request until long after the ledger has it: an operation's id is shown in no list
 * of some installations, only in the answer to its create. A crash between that answer and the commit of the page would lose it.
 */
export interface PostedLog {
  find(change: ReadyChange): Promise<Posted | undefined>;
  /** `there` is the content that may be there: another than the change's when an earlier create of other content was lost. */
  note(change: ReadyChange, mesId: string | null, there?: Pick<Posted, 'hash' | 'businessKey'>): Promise<void>;
  /** As `note` for records of one request, of the content that was sent. */
  noteAll(notes: readonly { change: ReadyChange; mesId: string | null }[]): Promise<void>;
  /** What was created, if it was, is not there any more. */
  forget(...records: MesRecord[]): Promise<void>;
}

type Slot = [key: string, hash: string, mesId: string | null, businessKey?: string | null];

/** More than two pages of records; in leaves, so that a write is small. */
const leaves = 64;
const leafSize = 32;

export function createPostedLog(notes: Notes): PostedLog {
  let loading: Promise<Ring> | undefined;
  const ring = () => {
    loading ??= load(notes).catch((error: unknown) => {
      // The next one reads anew: a fault of the disk passes.
      loading = undefined;
      throw error;
    });
    return loading;
  };
  const write = async ({ slots, taken }: Ring, changed: readonly number[]) => {
    for (const leaf of new Set(changed.map((place) => Math.floor(place / leafSize)))) {
      await notes.writeNote(leafName(leaf), {
        next: taken(),
        slots: slots.slice(leaf * leafSize, (leaf + 1) * leafSize),
      });
    }
  };
  return {
    async find(change) {
      const { places, slots } = await ring();
      const place = places.get(keyOf(change));
      const slot = place === undefined ? undefined : slots[place];
      return slot === undefined ? undefined : { hash: slot[1], mesId: slot[2], businessKey: slot[3] ?? null };
    },
    async note(change, mesId, there) {
      const loaded = await ring();
      await write(loaded, [put(loaded, { change, mesId, there })]);
    },
    async noteAll(all) {
      const loaded = await ring();
      await write(
        loaded,
        all.map((each) => put(loaded, each)),
      );
    },
    async forget(...records) {
      const loaded = await ring();
      const { places, slots } = loaded;
      const emptied = records.flatMap((record) => {
        const place = places.get(keyOf({ record }));
        if (place === undefined) return [];
        // An empty key is never asked for; its place is taken again in its turn.
        slots[place] = ['', '', null];
        places.delete(keyOf({ record }));
        return [place];
      });
      await write(loaded, emptied);
    },
  };
}

interface Put {
  change: ReadyChange;
  mesId: string | null;
  there?: Pick<Posted, 'hash' | 'businessKey'> | undefined;
}

/** Returns the place that was taken. */
function put({ places, slots, next }: Ring, { change, mesId, there }: Put): number {
  const key = keyOf(change);
  const place = places.get(key) ?? next();
  const before = slots[place];
  if (before !== undefined) places.delete(before[0]);
  const { hash, businessKey } = there ?? { hash: change.hash, businessKey: businessKeyOf(change.record) };
  slots[place] = [key, hash, mesId, businessKey];
  places.set(key, place);
  return place;
}

interface Ring {
  places: Map<string, number>;
  slots: Slot[];
  next(): number;
  /** Places taken so far, those taken again counted again. */
  taken(): number;
}

async function load(notes: Notes): Promise<Ring> {
  const slots: Slot[] = [];
  let last = 0;
  for (let leaf = 0; leaf < leaves; leaf += 1) {
    const kept = (await notes.readNote(leafName(leaf))) as { next: number; slots: Slot[] } | undefined;
    if (kept === undefined) break;
    slots.push(...kept.slots);
    last = Math.max(last, kept.next);
  }
  let taken = Math.max(last, slots.length);
  return {
    places: new Map(slots.map(([key], index) => [key, index])),
    slots,
    next: () => {
      const place = taken % (leaves * leafSize);
      taken += 1;
      return place;
    },
    taken: () => taken,
  };
}

function leafName(leaf: number): string {
  return `mes posted ${leaf}`;
}

function keyOf({ record }: Pick<ReadyChange, 'record'>): string {
  return `${record.entity}/${record.source}/${record.externalId}`;
}

import { addDays } from './local-time.ts';
import type { Random } from './random.ts';

/** Texts that break careless encoders: quotes, markup, umlauts, characters beyond the basic plane, percent signs. */
const texts = [
  'Assembly',
  'Saw to length',
  'Deburr + wash',
  'Final inspection',
  "O'Brien",
  'Müller & Söhne',
  '100% "steel" <x>',
  'Schweißen 🔩 Ø40',
  'a\\b/c?d=e&f#g',
  '数控加工中心',
  "''quoted''",
  '+10°C; 5,5 bar',
];

/** A short text; one in ten is empty, as texts in ERPs are. */
export function anyText(random: Random): string {
  return random.chance(0.1) ? '' : `${random.pick(texts)}${random.chance(0.5) ? ` ${random.int(1, 99)}` : ''}`;
}

/** A material number: made up, all digits (stored with zeros), with odd characters, or none at all. */
export function anyMaterial(random: Random): string {
  const kind = random.next();
  if (kind < 0.6) return `FG${random.int(100, 999)}`;
  if (kind < 0.9) return String(random.int(1, 99_999)).padStart(18, '0');
  return kind < 0.98 ? random.pick(["TUBE-O'NEIL", 'RAL 7035 50%', 'BØLT/8"', 'A&B+C']) : '';
}

/** A quantity: mostly whole, sometimes with decimals, rarely zero. */
export function anyQuantity(random: Random): number {
  const kind = random.next();
  if (kind < 0.9) return random.int(1, 250);
  return kind < 0.98 ? random.int(1, 99_999) / 1000 : 0;
}

/** A wall-clock date and time in a plant. */
export interface Wall {
  date: string | null;
  time: string;
}

/** Times around clock changes: skipped in spring, twice in autumn, and the midnights beside them. */
const clockChanges: Record<string, readonly [string, string][]> = {
  '1710': [
    ['2026-03-29', '02:30:00'],
    ['2026-10-25', '02:30:00'],
    ['2027-03-28', '02:00:00'],
    ['2026-10-25', '00:00:00'],
  ],
  '1720': [
    ['2026-03-08', '02:30:00'],
    ['2026-11-01', '01:30:00'],
    ['2027-03-14', '02:59:59'],
    ['2026-11-01', '00:00:00'],
  ],
};

/** When something is scheduled at `plant`, some weeks around `today`; now and then not at all, or in a clock change. */
export function anyWall(random: Random, plant: string, today: string): Wall {
  if (random.chance(0.03)) return { date: null, time: '00:00:00' };
  if (random.chance(0.04)) {
    const [date, time] = random.pick(clockChanges[plant] ?? [['2026-12-31', '23:59:59']]);
    return { date, time };
  }
  const hour = String(random.pick([0, 6, 7, 10, 14, 22, 23])).padStart(2, '0');
  return { date: addDays(today, random.int(-20, 70)), time: `${hour}:${random.pick(['00', '15', '30', '59'])}:00` };
}

/** `hours` later on the same wall clock. */
export function later({ date, time }: Wall, hours: number): Wall {
  if (date === null) return { date, time };
  const wall = new Date(Date.parse(`${date}T${time}Z`) + hours * 3_600_000).toISOString();
  return { date: wall.slice(0, 10), time: wall.slice(11, 19) };
}

/** A duration as a standard value of an operation, in any of the units SAP writes. */
export function anyWork(random: Random): { quantity: number; unit: string } {
  const unit = random.pick(['MIN', 'MIN', 'MIN', 'S', 'SEC', 'H', 'HR', 'STD', 'HUR', 'D', 'DAY', 'TAG']);
  const largest = unit.startsWith('S') && unit !== 'STD' ? 900_000 : unit === 'MIN' ? 30_000 : 500;
  return { quantity: random.chance(0.1) ? 0 : random.int(1, largest) / 1000, unit };
}

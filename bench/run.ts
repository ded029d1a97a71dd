import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { figuresOf, missed, tableOf } from './report.ts';
import { type Results, type Round, runJob } from './rounds.ts';
import { startSystems } from './systems.ts';

const usage = 'Options: --records 100000,1000000 --rounds 3 --rows whole|selected --quick';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000,1000000' },
    rounds: { type: 'string' },
    rows: { type: 'string', default: 'whole' },
    quick: { type: 'boolean', default: false },
  },
});

function numbers(text: string): number[] {
  const list = text.split(',').map(Number);
  if (list.every((number) => Number.isInteger(number) && number > 0)) return list;
  throw new Error(`${text} is no list of whole numbers. ${usage}`);
}

/** More rounds where a round is short and noise is large. */
function roundsFor(records: number): number {
  if (values.rounds !== undefined) return numbers(values.rounds)[0] ?? 1;
  return values.quick ? 1 : records > 200_000 ? 2 : 3;
}

function tell(records: number, { rounds, pageBytes }: Results): void {
  console.log(`${records} records, ${rounds.length} rounds, ${Math.round(pageBytes / 1000)} kB a page of 1 000`);
  for (const round of rounds) console.log(`  ${describe(round)}`);
}

function describe({ floor, load, unchanged }: Round): string {
  const part = (name: string, run: { passMs: number; cpuSeconds: number; peakMegabytes: number }) =>
    `${name} ${Math.round(run.passMs)} ms, ${run.cpuSeconds.toFixed(2)} CPU s, ${Math.round(run.peakMegabytes)} MB`;
  return [part('floor', floor), part('first load', load), part('second pass', unchanged)].join('; ');
}

if (values.rows !== 'selected' && values.rows !== 'whole')
  throw new Error(`--rows ${values.rows} is unknown. ${usage}`);
const sizes = values.quick ? [100_000] : numbers(values.records);
const measured = new Map<number, Results>();
console.log(`Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`);
const systems = await startSystems();
try {
  for (const records of sizes) {
    const job = { systems, records, rows: values.rows, rounds: roundsFor(records) } as const;
    const results = await runJob(job, { idle: records === sizes.at(-1) });
    measured.set(records, results);
    tell(records, results);
  }
} finally {
  systems.stop();
}
const figures = figuresOf(measured);
console.log(tableOf(figures));
const failures = figures.filter(missed);
for (const { what } of failures) console.error(`Missed: ${what}`);
process.exitCode = failures.length > 0 ? 1 : 0;

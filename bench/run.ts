import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type Figure, figuresOf, missed, tableOf } from './report.ts';
import { type Results, type Round, runJob } from './rounds.ts';
import { type SourceName, sources } from './sources/index.ts';
import type { Rows } from './sources/source.ts';
import { startSystems } from './systems.ts';

const names = Object.keys(sources) as SourceName[];
const usage = `Options: --source ${names.join('|')}|all --records 100000,300000 --rounds 3 --rows whole|selected --quick`;

const { values } = parseArgs({
  options: {
    source: { type: 'string', default: 'sap' },
    records: { type: 'string' },
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
  return values.quick ? 1 : records > 200_000 ? 3 : 5;
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

/** A million rows of FrePPLe would be one answer of 600 MB. */
function sizesFor(source: SourceName): number[] {
  if (values.quick) return [100_000];
  return numbers(values.records ?? (source === 'sap' ? '100000,1000000' : '100000,300000'));
}

async function measure(source: SourceName, rows: Rows): Promise<Figure[]> {
  const sizes = sizesFor(source);
  const measured = new Map<number, Results>();
  for (const records of sizes) {
    const job = { systems, source, records, rows, rounds: roundsFor(records) };
    const results = await runJob(job, { idle: records === sizes.at(-1) });
    measured.set(records, results);
    tell(records, results);
  }
  return figuresOf(measured, source);
}

const { rows, source } = values;
if (rows !== 'selected' && rows !== 'whole') throw new Error(`--rows ${rows} is unknown. ${usage}`);
const wanted = source === 'all' ? names : names.filter((name) => name === source);
if (wanted.length === 0) throw new Error(`--source ${source} is unknown. ${usage}`);
console.log(`Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}`);
const systems = await startSystems();
const failures: string[] = [];
try {
  for (const name of wanted) {
    console.log(`\n${name}`);
    const figures = await measure(name, rows);
    console.log(tableOf(figures));
    failures.push(...figures.filter(missed).map(({ what }) => `${name}, ${what}`));
  }
} finally {
  systems.stop();
}
for (const what of failures) console.error(`Missed: ${what}`);
process.exitCode = failures.length > 0 ? 1 : 0;

import { median } from './measure.ts';
import type { Results, Round } from './rounds.ts';
import type { SourceName } from './sources/index.ts';

/** One measured figure with what it must not exceed and what is aimed at. */
export interface Figure {
  what: string;
  value: number;
  digits: number;
  bar: number | null;
  goal: number | null;
}

export type Measured = ReadonlyMap<number, Results>;

type Read = (round: Round) => number;

const ofRounds = (results: Results, read: Read) => median(results.rounds.map(read));

/** The bars of a first load are set here: with fewer records the start of the process counts for more than the rows. */
const basis = 1_000_000;

/** All figures in the order of the table. */
export function figuresOf(measured: Measured, source: SourceName): Figure[] {
  const loads = [...measured].flatMap(([records, results]) => loadFigures(records, results));
  const figures = [...loads, ...flatness(measured), ...idleFigures(measured)];
  return source === 'sap' ? figures : figures.map((figure) => withoutOwnBar(figure));
}

/** Bars were set for SAP; what holds for all is that an unchanged record is not sent. */
function withoutOwnBar(figure: Figure): Figure {
  return figure.bar === 0 ? figure : { ...figure, bar: null, goal: null };
}

function loadFigures(records: number, results: Results): Figure[] {
  const name = records.toLocaleString('en-US');
  const perMillion = 1_000_000 / records;
  const ratio = (what: string, read: Read) => ({
    what: `${name}: ${what}`,
    value: ofRounds(results, read),
    digits: 2,
    bar: records >= basis ? 1.75 : null,
    goal: records >= basis ? 1.5 : null,
  });
  const plain = (what: string, digits: number, read: Read): Figure => ({
    what: `${name}: ${what}`,
    value: ofRounds(results, read),
    digits,
    bar: null,
    goal: null,
  });
  return [
    plain('floor, records/s', 0, ({ floor }) => (records / floor.passMs) * 1000),
    plain('product, records/s', 0, ({ load }) => (records / load.passMs) * 1000),
    ratio('first load, wall / floor', ({ floor, load }) => load.passMs / floor.passMs),
    plain('first load, wall with start-up / floor', 2, ({ floor, load }) => load.processMs / floor.processMs),
    plain('floor, CPU s per million', 2, ({ floor }) => floor.cpuSeconds * perMillion),
    plain('product, CPU s per million', 2, ({ load }) => load.cpuSeconds * perMillion),
    ratio('first load, CPU / floor', ({ floor, load }) => load.cpuSeconds / floor.cpuSeconds),
    plain('floor, peak RSS MB', 0, ({ floor }) => floor.peakMegabytes),
    { ...plain('product, peak RSS MB', 0, ({ load }) => load.peakMegabytes), bar: 200, goal: 160 },
    plain('second pass, peak RSS MB', 0, ({ unchanged }) => unchanged.peakMegabytes),
    {
      ...plain('second pass, wall / own first load', 2, ({ load, unchanged }) => unchanged.passMs / load.passMs),
      bar: 0.85,
      goal: 0.78,
    },
    { ...plain('second pass, posts', 0, ({ unchanged }) => unchanged.seen.posts), bar: 0, goal: 0 },
    plain('server, CPU s per million', 2, ({ load }) => load.seen.cpuSeconds * perMillion),
  ];
}

/** Memory must not grow with the number of records. */
function flatness(measured: Measured): Figure[] {
  const sizes = [...measured.keys()].sort((a, b) => a - b);
  const [least, most] = [measured.get(sizes[0] ?? 0), measured.get(sizes.at(-1) ?? 0)];
  if (least === undefined || most === undefined || sizes.length < 2) return [];
  const peak = (results: Results) => ofRounds(results, ({ load }) => load.peakMegabytes);
  return [
    { what: 'peak RSS, most / fewest records', value: peak(most) / peak(least), digits: 2, bar: 1.1, goal: null },
  ];
}

function idleFigures(measured: Measured): Figure[] {
  const figures: Figure[] = [];
  for (const { idle, idleMegabytes } of measured.values()) {
    if (idle !== undefined) {
      figures.push({ what: 'idle poll, requests', value: idle.requestsPerPoll, digits: 2, bar: 1, goal: 1 });
      figures.push({ what: 'idle poll, CPU ms', value: idle.cpuMsPerPoll, digits: 2, bar: 1, goal: 0.5 });
      figures.push({ what: 'idle poll, wall ms', value: idle.wallMsPerPoll, digits: 2, bar: null, goal: null });
    }
    if (idleMegabytes !== undefined) {
      figures.push({ what: 'idle daemon, RSS MB', value: idleMegabytes, digits: 0, bar: 120, goal: 95 });
    }
  }
  return figures;
}

export function missed({ value, bar }: Figure): boolean {
  return bar !== null && !(value <= bar);
}

function verdict(figure: Figure): string {
  if (figure.bar === null) return '';
  if (missed(figure)) return 'MISSED';
  return figure.goal === null || figure.value <= figure.goal ? 'goal' : 'bar';
}

/** The figures as a table in Markdown. */
export function tableOf(figures: readonly Figure[]): string {
  const cells = [['figure', 'median', 'bar', 'goal', 'met']];
  for (const figure of figures) {
    const value = figure.value.toFixed(figure.digits);
    cells.push([figure.what, value, String(figure.bar ?? ''), String(figure.goal ?? ''), verdict(figure)]);
  }
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  const [head = [], ...body] = cells;
  return [line(head), rule, ...body.map(line)].join('\n');
}

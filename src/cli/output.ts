import { styleText } from 'node:util';
import type { BlockedKind } from '../app/blocked-kinds.ts';
import type { StreamResult } from '../core/events.ts';
import type { Finding } from '../core/types.ts';
import { exitCodes } from './exit.ts';

/** Whoever reads a verb's output may have seen enough of it (`| head`); a daemon's log is wanted to its end. */
let readerMayLeave = true;

export function requireReader(): void {
  readerMayLeave = false;
}

/**
 * Once a process: when standard output cannot be written, work that listens for SIGTERM ends in order, and the exit code is 1 instead
 * of 0 with the reason on standard error. A reader that has left is no failure unless one is required.
 */
export function guardOutput(): void {
  let lost: NodeJS.ErrnoException | undefined;
  // Nobody is left to be told, and it must not cut short what ends in order.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error) => {
    lost ??= error;
    // No signal from outside: that would end, in the middle, whatever does not listen.
    process.emit('SIGTERM', 'SIGTERM');
  });
  process.once('exit', () => {
    if (lost === undefined || (lost.code === 'EPIPE' && readerMayLeave)) return;
    process.stderr.write(`Standard output cannot be written: ${lost.message}\n`);
    process.exitCode ||= exitCodes.failed;
  });
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text = ''): void {
  process.stdout.write(`${text}\n`);
}

type Style = Parameters<typeof styleText>[0];

/** Colours only where a person looks. */
export function paint(style: Style, text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text;
}

/** A table with a heading; numbers to the right. */
export function printTable(rows: readonly Readonly<Record<string, string | number | null>>[]): void {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  const cell = (value: string | number | null | undefined) =>
    value === null || value === undefined ? '-' : String(value);
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => cell(row[column]).length)));
  printLine(paint('bold', columns.map((column, index) => column.padEnd(widths[index] ?? 0)).join('  ')));
  for (const row of rows) {
    const cells = columns.map((column, index) => {
      const text = cell(row[column]);
      return typeof row[column] === 'number' ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
    });
    printLine(cells.join('  ').trimEnd());
  }
}

export function printResults(results: readonly StreamResult[]): void {
  printTable(
    results.map((result) => ({
      stream: `${result.connector}/${result.stream}`,
      outcome: result.outcome,
      read: result.read,
      unchanged: result.unchanged,
      created: result.created,
      updated: result.updated,
      deleted: result.deleted,
      refused: result.refused,
      parked: result.parked,
      'erp req': result.requests.erp,
      'mes req': result.requests.mes,
      seconds: Math.round(result.durationMs / 100) / 10,
      watermark: result.watermark.after,
    })),
  );
  for (const { connector, stream, error } of results) {
    if (error !== undefined) printLine(paint('red', `${connector}/${stream}: ${error}`));
  }
}

/** What waits for the MES, a line each. */
export function printBlocked(closed: readonly BlockedKind[]): void {
  for (const { reason } of closed) printLine(paint('yellow', reason));
}

const marks = { ok: paint('green', 'ok     '), warning: paint('yellow', 'warning'), error: paint('red', 'error  ') };

export function printFindings(findings: readonly Finding[]): void {
  for (const { level, where, text, todo } of findings) {
    printLine(`${marks[level]}  ${where}: ${text}`);
    if (todo !== '') printLine(`         ${paint('dim', todo)}`);
  }
}

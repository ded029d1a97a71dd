import { writeFile } from 'node:fs/promises';
import type { LoadedConfig } from '../config/load.ts';
import { connectors } from '../connectors/index.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf, UsageError } from '../core/errors.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import type { DeadLetter } from '../state/store.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { printJson, printLine, printTable } from './output.ts';

interface ListOptions {
  config?: string;
  json?: boolean;
}

type Filter = { stream?: string; id?: number };

export async function deadLettersList(
  which: string | undefined,
  { config, json = false }: ListOptions,
): Promise<number> {
  const letters = await find(which, await load(config));
  if (json) {
    printJson({ deadLetters: letters.map(withPayload) });
  } else if (letters.length === 0) {
    printLine('Nothing is set aside.');
  } else {
    printTable(letters.map(({ payload, due, ...row }) => ({ ...row, due: due ? 'yes' : 'no' })));
  }
  return exitCodes.done;
}

export async function deadLettersShow(id: number, { config, json = false }: ListOptions): Promise<number> {
  const [letter] = await find(String(id), await load(config));
  if (letter === undefined) throw unknownLetter(id);
  if (json) printJson(withPayload(letter));
  else printLine(JSON.stringify(withPayload(letter), undefined, 2));
  return exitCodes.done;
}

interface ExportOptions {
  config?: string;
  /** File to write to; `-` is standard output. */
  jsonLines?: string;
  /** False leaves out what rows and records hold: business data. */
  payload?: boolean;
}

/** One JSON line for each dead letter, for a support case: every secret of the config is taken out by its value. */
export async function deadLettersExport(
  which: string | undefined,
  { config, jsonLines: file = '-', payload = true }: ExportOptions,
): Promise<number> {
  const { redact, logger, loaded } = await openContext({ config });
  await logger.close();
  const letters = await find(which, loaded);
  const lines = letters.map((letter) => {
    const shown = payload ? withPayload(letter) : withoutPayload(letter);
    return `${redact(JSON.stringify(shown))}\n`;
  });
  if (file === '-') {
    for (const line of lines) process.stdout.write(line);
    return exitCodes.done;
  }
  await writeNew(file, lines.join(''));
  printLine(`${letters.length} written to ${file}.`);
  return exitCodes.done;
}

/** For its owner only; what is there already is not overwritten. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new UsageError(
      `Nothing was written to ${file}: ${messageOf(error)}. Name a new file, or - for standard output.`,
    );
  }
}

export function deadLettersRetry(which: string | undefined, options: { config?: string }): Promise<number> {
  return change('dead-letters-retry', which, options);
}

export function deadLettersDrop(which: string, options: { config?: string }): Promise<number> {
  return change('dead-letters-drop', which, options);
}

async function change(
  name: 'dead-letters-retry' | 'dead-letters-drop',
  which: string | undefined,
  { config }: { config?: string },
): Promise<number> {
  const context = await openContext({ config });
  try {
    await find(which, context.loaded);
    const { count } = await callVerb(context, { name, args: toFilter(which), signal: onTermination().signal });
    printLine(name === 'dead-letters-retry' ? `${count} will be tried again in the next pass.` : `${count} dropped.`);
    return exitCodes.done;
  } finally {
    await context.logger.close();
  }
}

async function load(config: string | undefined): Promise<LoadedConfig> {
  const { loaded, logger } = await openContext({ config });
  await logger.close();
  return loaded;
}

/** Throws UsageError when what is asked for cannot be there: a misspelt stream is not the same as a stream without dead letters. */
async function find(which: string | undefined, loaded: LoadedConfig): Promise<DeadLetter[]> {
  const filter = toFilter(which);
  const letters = await read(filter, loaded);
  if (letters.length > 0) return letters;
  if (filter.id !== undefined) throw unknownLetter(filter.id);
  if (filter.stream !== undefined && !isStream(filter.stream, loaded))
    throw new UsageError(`There is no stream ${filter.stream}. See: erp-puller status.`);
  return letters;
}

function unknownLetter(id: number): UsageError {
  return new UsageError(`There is no dead letter ${id}. See: erp-puller dead-letters list.`);
}

function isStream(id: string, { config }: LoadedConfig): boolean {
  const [name = '', stream = ''] = id.split('/');
  const type = config.connectors[name]?.type;
  const fields = connectors.find((connector) => connector.type === type)?.fieldsOf(stream);
  return fields !== undefined && id === `${name}/${stream}`;
}

/** Reads beside a running daemon, without a lock. */
async function read(filter: Filter, loaded: LoadedConfig): Promise<DeadLetter[]> {
  const store = await openEmbeddedStore({
    directory: loaded.config.state.directory,
    clock: systemClock,
    readOnly: true,
  });
  try {
    return await store.deadLetters(filter);
  } finally {
    await store.close();
  }
}

function toFilter(which: string | undefined): Filter {
  if (which === undefined || which === 'all') return {};
  return /^\d+$/.test(which) ? { id: Number(which) } : { stream: which };
}

function withoutPayload({ payload, ...letter }: DeadLetter): Omit<DeadLetter, 'payload'> {
  return letter;
}

function withPayload({ payload, ...letter }: DeadLetter): Record<string, unknown> {
  return { ...letter, payload: JSON.parse(payload) };
}

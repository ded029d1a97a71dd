import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { openEmbeddedStore } from '../state/embedded-store.ts';
import type { DeadLetter } from '../state/store.ts';
import { onTermination, openContext, operate } from './context.ts';
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
  const letters = await read(toFilter(which), config);
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
  const [letter] = await read({ id }, config);
  if (letter === undefined) throw new UsageError(`There is no dead letter ${id}. See: erp-puller dead-letters list.`);
  if (json) printJson(withPayload(letter));
  else printLine(JSON.stringify(withPayload(letter), undefined, 2));
  return exitCodes.done;
}

export function deadLettersRetry(which: string | undefined, options: { config?: string }): Promise<number> {
  return change('dead-letters-retry', which, options);
}

export function deadLettersDrop(which: string, options: { config?: string }): Promise<number> {
  return change('dead-letters-drop', which === 'all' ? undefined : which, options);
}

async function change(
  name: 'dead-letters-retry' | 'dead-letters-drop',
  which: string | undefined,
  { config }: { config?: string },
): Promise<number> {
  const context = await openContext({ config });
  const { count } = await operate(context, { name, args: toFilter(which), signal: onTermination().signal });
  await context.logger.close();
  printLine(name === 'dead-letters-retry' ? `${count} will be tried again in the next pass.` : `${count} dropped.`);
  return exitCodes.done;
}

/** Reads beside a running daemon, without a lock. */
async function read(filter: Filter, config: string | undefined): Promise<DeadLetter[]> {
  const { loaded, logger } = await openContext({ config });
  await logger.close();
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
  if (which === undefined) return {};
  return /^\d+$/.test(which) ? { id: Number(which) } : { stream: which };
}

function withPayload({ payload, ...letter }: DeadLetter): Record<string, unknown> {
  return { ...letter, payload: JSON.parse(payload) };
}

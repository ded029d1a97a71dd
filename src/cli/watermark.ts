import { systemClock } from '../core/clock.ts';
import { UsageError } from '../core/errors.ts';
import { callVerb } from './call.ts';
import { onTermination, openContext } from './context.ts';
import { exitCodes } from './exit.ts';
import { printLine } from './output.ts';

export async function watermarkGet(stream: string, { config }: { config?: string }): Promise<number> {
  const context = await openContext({ config });
  const { streams } = await callVerb(context, { name: 'status', args: {}, signal: onTermination().signal });
  await context.logger.close();
  const found = streams.find((each) => each.stream === stream);
  if (found === undefined)
    throw new UsageError(`There is no stream ${stream}; there is ${streams.map((each) => each.stream).join(', ')}.`);
  printLine(found.watermark ?? '-');
  return exitCodes.done;
}

export async function watermarkSet(stream: string, value: string, { config }: { config?: string }): Promise<number> {
  requirePast(stream, value);
  const context = await openContext({ config });
  const { watermark, asked } = await callVerb(context, {
    name: 'watermark-set',
    args: { stream, value },
    signal: onTermination().signal,
  });
  await context.logger.close();
  if (asked !== undefined)
    printLine(`${asked} is later than a pass of now would read to (settleSeconds): the watermark is ${watermark}.`);
  printLine(`The next pass of ${stream} begins at ${watermark}, less the overlap.`);
  return exitCodes.done;
}

export async function watermarkReset(
  stream: string,
  { config, forget = false }: { config?: string; forget?: boolean },
): Promise<number> {
  const context = await openContext({ config });
  await callVerb(context, { name: 'watermark-reset', args: { stream, forget }, signal: onTermination().signal });
  await context.logger.close();
  const sent = forget ? 'sends everything again' : 'sends what differs from what the MES holds';
  printLine(`The next pass of ${stream} reads everything and ${sent}.`);
  return exitCodes.done;
}

/** Clocks and zones may differ by less than this. */
const toleranceMs = 86_400_000;

/** A stream whose watermark lies ahead would read nothing until then, and look healthy; of years before 1970 not every ERP takes a time. */
function requirePast(stream: string, value: string): void {
  const iso = value.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3T$4:$5:$6Z');
  const ms = Date.parse(iso);
  if (ms < 0)
    throw new UsageError(`${value} lies before 1970. To read everything: erp-puller watermark reset ${stream}.`);
  if (ms <= systemClock.now().getTime() + toleranceMs || Number.isNaN(ms)) return;
  throw new UsageError(`${value} lies in the future: everything that changes until then would be passed over.`);
}

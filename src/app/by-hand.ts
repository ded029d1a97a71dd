import type { Entity } from '../core/types.ts';
import type { App, RunExclusive } from './app.ts';
import { type BlockedKind, blockedKinds } from './blocked-kinds.ts';
import { select } from './selection.ts';

/** A look takes a dozen requests at most: the last ones of a day are worth more. */
const fewestLeft = 20;

/** Before a run by hand the MES is asked again whether it takes by now what it refused; what it still refuses is told with the results. */
export async function withFreshLook<Result>(
  app: App,
  { selection, watched }: { selection: readonly string[]; watched: RunExclusive },
  run: () => Promise<Result[]>,
): Promise<{ streams: Result[]; closed: BlockedKind[] }> {
  await lookAgain(app, selection, watched);
  const streams = await run();
  return { streams, closed: await blockedFor(app, selection) };
}

/** The kinds of record of the selected streams that wait for the MES. */
export async function blockedFor(app: App, selection: readonly string[]): Promise<BlockedKind[]> {
  const waiting = new Set((await app.store.status()).filter(({ parked }) => parked > 0).map(({ stream }) => stream));
  const kinds = new Set(streamsOf(app, selection).flatMap((stream) => (waiting.has(stream.id) ? stream.kinds : [])));
  return blockedKinds(await app.sink.ways()).filter(({ entity }) => kinds.has(entity));
}

/** Only where the MES, as far as is known, takes not all of what the selected streams bring. */
async function lookAgain(app: App, selection: readonly string[], watched: RunExclusive): Promise<void> {
  const { connectors, sink, quota, openTransport } = app;
  const kinds = new Set(streamsOf(app, selection).flatMap((stream) => stream.kinds));
  const short = (await sink.ways()).some(
    ({ entity, create, update, status }) => kinds.has(entity) && [create, update, status].includes(null),
  );
  const [name] = select(connectors, selection).keys();
  if (name === undefined || !short) return;
  const { budgetLeft } = await quota.report();
  if (budgetLeft !== null && budgetLeft < fewestLeft) return;
  // What goes wrong leaves what is known as it is: the next delivery tells of it.
  await watched(name, (signal) => sink.lookAgain(openTransport(signal)).catch(() => undefined));
}

interface SelectedStream {
  id: string;
  kinds: Entity[];
}

function streamsOf({ connectors }: Pick<App, 'connectors'>, selection: readonly string[]): SelectedStream[] {
  return [...select(connectors, selection)].flatMap(([name, wanted]) => {
    const all = connectors.get(name)?.session.streams ?? [];
    const selected = all.filter((stream) => wanted?.has(stream.name) ?? true);
    return selected.map((stream) => ({ id: `${name}/${stream.name}`, kinds: stream.owns.map(({ entity }) => entity) }));
  });
}

import type { ConnectorSession, Stream } from '../../src/connectors/connector.ts';
import type { Pusher } from '../../src/push/pusher.ts';
import type { Store } from '../../src/state/store.ts';

/** Thrown where the power goes. */
export class CrashError extends Error {
  override name = 'CrashError';
}

/** Where a crash comes: before the effect of the awaited step, or between the effect and the news of it. */
export type Side = 'before' | 'after';

/** Counts the awaited steps of a run and ends it at one of them: from then on nothing has an effect any more. */
export interface CrashPlan {
  step<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Names of the steps so far. */
  steps: string[];
  crashed(): boolean;
}

export function createCrashPlan(at: number, side: Side): CrashPlan {
  const steps: string[] = [];
  let crashed = false;
  return {
    steps,
    crashed: () => crashed,
    async step(name, work) {
      if (crashed) throw new CrashError(name);
      steps.push(name);
      const here = steps.length === at;
      if (here && side === 'before') {
        crashed = true;
        throw new CrashError(`before ${name}`);
      }
      const result = await work();
      if (here) crashed = true;
      if (crashed) throw new CrashError(`after ${name}`);
      return result;
    },
  };
}

const storeMethods = [
  'begin',
  'lookup',
  'commit',
  'finish',
  'leftOver',
  'dueChildren',
  'markOpen',
  'childrenOf',
  'countRecords',
  'recordRun',
] as const satisfies (keyof Store)[];

/** Every method that a pass calls is a step. */
export function faultingStore(store: Store, plan: CrashPlan): Store {
  const faulting = { ...store };
  for (const name of storeMethods) {
    const method = store[name] as (...args: unknown[]) => Promise<unknown>;
    Object.assign(faulting, { [name]: (...args: unknown[]) => plan.step(`store.${name}`, () => method(...args)) });
  }
  return faulting;
}

export function faultingPusher(pusher: Pusher, plan: CrashPlan): Pusher {
  return { push: (...args) => plan.step('push', () => pusher.push(...args)) };
}

/** The clock, every page and every other question to the ERP are steps. */
export function faultingSession(session: ConnectorSession, plan: CrashPlan): ConnectorSession {
  return {
    ...session,
    streams: session.streams.map((stream) => faultingStream(stream, plan)),
    clock: (signal) => plan.step('clock', () => session.clock(signal)),
  };
}

function faultingStream(stream: Stream, plan: CrashPlan): Stream {
  const { children } = stream;
  return {
    ...stream,
    read: (...args) => faultingPages(stream.read(...args), `${stream.name} page`, plan),
    newest: (...args) => plan.step(`${stream.name} newest`, () => stream.newest(...args)),
    count: (...args) => plan.step(`${stream.name} count`, () => stream.count(...args)),
    map: (...args) => plan.step(`${stream.name} map`, () => stream.map(...args)),
    children: children && {
      ...children,
      read: (...args) => faultingPages(children.read(...args), `${stream.name} children`, plan),
    },
  };
}

async function* faultingPages<T>(pages: AsyncIterable<T>, name: string, plan: CrashPlan): AsyncGenerator<T> {
  const iterator = pages[Symbol.asyncIterator]();
  for (;;) {
    const result = await plan.step(name, () => iterator.next());
    if (result.done === true) return;
    yield result.value;
  }
}

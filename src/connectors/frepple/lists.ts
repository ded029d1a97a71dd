import { PermanentError } from '../../core/errors.ts';
import type { Window } from '../../core/types.ts';
import type { DrfClient, DrfFilter, DrfList } from '../protocols/drf/client.ts';
import type { ServerTimes } from './times.ts';

/** FrePPLe's lists of orders, read whole or as far as they changed. */
export interface OrderLists {
  /** Whether the steps of orders have a list of their own, as they have since 9.13. */
  splitsSteps(signal: AbortSignal): Promise<boolean>;
  orders(window: Window, signal: AbortSignal): Promise<DrfList[]>;
  /** Steps, and the orders that are their own only step. */
  steps(window: Window, signal: AbortSignal): Promise<DrfList[]>;
}

export function listPath(model: string): string {
  return `/api/input/${model}/`;
}

const orderPath = listPath('manufacturingorder');
const stepPath = listPath('workorder');

/** Families a request: their references stand in the address. */
const familiesPerRequest = 30;
/** With more changed families than this, everything is read: one long answer is cheaper than many short ones. */
const mostFamilies = 300;

/** What a MES may have to know of. Proposals are numbered anew by each plan run: nothing can be told of them by their reference. */
const statuses = ['approved', 'confirmed', 'completed', 'closed'];

export function createOrderLists(client: DrfClient, times: ServerTimes): OrderLists {
  let splits: boolean | undefined;

  async function splitsSteps(signal: AbortSignal): Promise<boolean> {
    splits ??= await exists(client, signal);
    return splits;
  }

  function whole(path: string, signal: AbortSignal): Promise<DrfList> {
    return client.list({ path, filters: [oneOf('status', statuses)] }, signal);
  }

  async function readAll(withSteps: boolean, signal: AbortSignal): Promise<DrfList[]> {
    const lists = withSteps && (await splitsSteps(signal)) ? [await whole(stepPath, signal)] : [];
    return [...lists, await whole(orderPath, signal)];
  }

  /**
   * An order and its steps change together while only one of them shows it, so that whole families are read; all of them, when
   * they are many.
   */
  async function readChanged(from: string, withSteps: boolean, signal: AbortSignal): Promise<DrfList[]> {
    const now = client.now() ?? new Date(from);
    const filters = [changedSince(times.earliestSince(new Date(from), now))];
    const own = await splitsSteps(signal);
    const orders = await client.list({ path: orderPath, filters }, signal);
    const changed = own ? [await client.list({ path: stepPath, filters }, signal), orders] : [orders];
    const families = familiesOf(changed);
    if (families !== undefined) return readFamilies(families, withSteps ? (own ? stepPath : orderPath) : null, signal);
    // What is a proposal again stands only among what changed; all else is listed whole, and once.
    const proposals = (withSteps ? changed : [orders]).map(proposalsOf);
    return [...proposals, ...(await readAll(withSteps, signal))];
  }

  async function readFamilies(
    families: readonly string[],
    pathOfSteps: string | null,
    signal: AbortSignal,
  ): Promise<DrfList[]> {
    const lists: DrfList[] = [];
    for (let at = 0; at < families.length; at += familiesPerRequest) {
      const some = families.slice(at, at + familiesPerRequest);
      lists.push(await client.list({ path: orderPath, filters: [oneOf('reference', some)] }, signal));
      if (pathOfSteps === null) continue;
      lists.push(await client.list({ path: pathOfSteps, filters: [oneOf('owner', some)] }, signal));
    }
    return lists;
  }

  const read = (withSteps: boolean) => (window: Window, signal: AbortSignal) =>
    window.mode === 'full' || window.from === undefined
      ? readAll(withSteps, signal)
      : readChanged(window.from, withSteps, signal);
  return { splitsSteps, orders: read(false), steps: read(true) };
}

function proposalsOf(list: DrfList): DrfList {
  return {
    length: list.length,
    *pages(size) {
      for (const page of list.pages(size)) yield page.filter(({ status }) => !statuses.includes(String(status)));
    },
  };
}

/** An address that there is not is answered by a redirect. */
async function exists(client: DrfClient, signal: AbortSignal): Promise<boolean> {
  const none = { name: 'reference', value: '__none__', fits: () => true };
  try {
    await client.list({ path: stepPath, filters: [none] }, signal);
    return true;
  } catch (error) {
    if (error instanceof PermanentError && error.redirect !== undefined) return false;
    throw error;
  }
}

/** The orders that changed, by themselves or by a step of theirs; undefined when they are too many, or cannot be asked for. */
function familiesOf(lists: readonly DrfList[]): string[] | undefined {
  const families = new Set<string>();
  for (const list of lists) {
    for (const page of list.pages(mostFamilies)) {
      for (const { reference, owner } of page) families.add(String(owner ?? reference));
      if (families.size > mostFamilies) return undefined;
    }
  }
  families.delete('');
  // In a list of references a comma cannot be escaped.
  return [...families].some((reference) => reference.includes(',')) ? undefined : [...families];
}

function oneOf(name: string, values: readonly string[]): DrfFilter {
  const wanted = new Set(values);
  return { name: `${name}__in`, value: values.join(','), fits: (row) => wanted.has(String(row[name])) };
}

function changedSince(local: string): DrfFilter {
  return { name: 'lastmodified__gte', value: local, fits: ({ lastmodified }) => String(lastmodified) >= local };
}

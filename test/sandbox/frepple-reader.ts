import type { FreppleSimulator } from '../../sandbox/frepple/index.ts';
import { localInstant } from '../../sandbox/local-time.ts';
import { type ImageRecord, type MesImage, type Table, tables } from '../../sandbox/types.ts';

export type Row = Record<string, unknown> & { name: string; reference: string; status: string };

/** Asks as the connector's user; redirects are not followed. */
export async function ask(erp: FreppleSimulator, path: string, init: RequestInit = {}): Promise<Response> {
  const { username, password } = erp.credentials;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return await fetch(`${erp.url}${path}`, { redirect: 'manual', ...init, headers: { authorization, ...init.headers } });
}

/** Asks as somebody who may do anything. */
export async function administer(erp: FreppleSimulator, path: string, init: RequestInit = {}): Promise<Response> {
  const { username, password } = erp.credentials.administrator;
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  return await ask(erp, path, {
    ...init,
    headers: { authorization, 'content-type': 'application/json', ...init.headers },
  });
}

export async function rows(erp: FreppleSimulator, model: string, query = ''): Promise<Row[]> {
  return (await (await ask(erp, `/api/input/${model}/?${query}`)).json()) as Row[];
}

export async function isPlanning(erp: FreppleSimulator): Promise<boolean> {
  return (await (await ask(erp, '/execute/api/status/')).text()) !== '{}';
}

interface Held {
  table: Table;
  record: ImageRecord;
  done: boolean;
}

/**
 * The plainest client there can be, written from docs/connectors/frepple.md: reads everything, every time, and never
 * during a plan run. `followsDone` says whether it goes on mapping what is done.
 */
export class Reader {
  readonly #erp: FreppleSimulator;
  readonly #followsDone: boolean;
  readonly #held = new Map<string, Held>();

  constructor(erp: FreppleSimulator, followsDone: boolean) {
    this.#erp = erp;
    this.#followsDone = followsDone;
  }

  async pass(): Promise<void> {
    if (await isPlanning(this.#erp)) return;
    const seen = new Map<string, Held>();
    const [resources, operations] = await this.#read('resource', 'operation');
    const [needs, demands] = await this.#read('operationresource', 'demand');
    const orders = await rows(this.#erp, 'manufacturingorder');
    const probe = await ask(this.#erp, '/api/input/workorder/');
    const steps = probe.status === 200 ? ((await probe.json()) as Row[]) : [];
    const context = { resources: byKey(resources), operations: byKey(operations), demands: byKey(demands), needs };
    const put = (table: Table, id: string, held: Omit<Held, 'table' | 'record'> & { fields: object }): void => {
      const record = { externalId: id, fields: held.fields as ImageRecord['fields'] };
      seen.set(`${table}/${id}`, { table, record, done: held.done });
    };
    for (const row of resources) {
      const { name, location } = row;
      const isTool = row['subcategory'] === 'tool';
      if (row['owner'] === null && !isTool) put('cells', name, { fields: { name, active: true }, done: false });
      else {
        const type = isTool ? 'tooling' : 'equipment';
        put('resources', name, { fields: { name, type, location, active: true }, done: false });
      }
    }
    for (const row of demands) {
      if (!['open', 'quote', 'closed'].includes(row.status)) continue;
      const fields = { job_number: row.name, customer: row['customer'], due_date: this.#instant(row['due']) };
      put('jobs', row.name, { fields, done: row.status === 'closed' });
    }
    for (const row of [...orders, ...steps]) {
      if (row.status === 'proposed' || row.reference === '') continue;
      for (const each of this.#recordsOf(row, context))
        put(each.table, each.record.externalId, { ...each.record, done: each.done });
    }
    this.#take(seen);
  }

  image(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map()])) as MesImage;
    for (const { table, record } of this.#held.values()) image[table].set(record.externalId, record);
    return image;
  }

  async #read(one: string, other: string): Promise<[Row[], Row[]]> {
    return await Promise.all([rows(this.#erp, one), rows(this.#erp, other)]);
  }

  #take(seen: ReadonlyMap<string, Held>): void {
    for (const [name, held] of seen) {
      const before = this.#held.get(name);
      if (!held.done) this.#held.set(name, held);
      else if (before !== undefined) {
        this.#held.set(name, this.#followsDone ? held : { ...before, done: true });
      } else if (this.#followsDone) this.#held.set(name, held);
    }
    for (const [name, held] of this.#held) {
      if (seen.has(name) || held.done) continue;
      const { fields } = held.record;
      const gone = 'active' in fields ? { fields: { ...fields, active: false } } : { onHold: true as const };
      this.#held.set(name, { ...held, record: { ...held.record, ...gone } });
    }
  }

  #recordsOf(row: Row, context: Context): Held[] {
    const done = row.status === 'completed' || row.status === 'closed';
    const operation = context.operations.get(String(row['operation']));
    const owner = row['owner'] as string | null;
    const { reference } = row;
    const instants = { planned_start: this.#instant(row['startdate']), planned_end: this.#instant(row['enddate']) };
    const step = (): Held => {
      const fields = {
        operation_name: operation?.name ?? null,
        sequence: Number(operation?.['priority']),
        estimated_time_minutes: minutesOf(operation, Number(row['quantity'])),
        ...instants,
        part_external_id: owner ?? reference,
        cell_name: cellOf(row, context),
      };
      return { table: 'operations', record: { externalId: reference, fields }, done };
    };
    if (owner !== null) return [step()];
    const pegging = Object.entries((row['plan'] as { pegging?: Record<string, number> } | null)?.pegging ?? {});
    const wanted = pegging
      .filter(([name]) => context.demands.has(name))
      .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
    const stock = `STOCK-${reference}`;
    const item = (operation?.['item'] ?? null) as string | null;
    const fields = {
      part_number: `${item ?? ''}|${reference}`,
      material: item ?? 'Unknown',
      quantity: Math.max(1, Math.ceil(Number(row['quantity']))),
      job_external_id: wanted[0]?.[0] ?? stock,
    };
    const records: Held[] = [{ table: 'parts', record: { externalId: reference, fields }, done }];
    if (operation !== undefined && operation['type'] !== 'routing') records.push(step());
    if (wanted.length > 0) return records;
    const job = { job_number: stock, customer: null, due_date: instants.planned_end };
    return [...records, { table: 'jobs', record: { externalId: stock, fields: job }, done }];
  }

  #instant(local: unknown): string | null {
    if (typeof local !== 'string') return null;
    return localInstant(this.#erp.timeZone, local.slice(0, 10), local.slice(11, 23));
  }
}

interface Context {
  resources: Map<string, Row>;
  operations: Map<string, Row>;
  demands: Map<string, Row>;
  needs: Row[];
}

function byKey(list: readonly Row[]): Map<string, Row> {
  return new Map(list.map((row) => [row.name, row]));
}

function cellOf(order: Row, { resources, needs }: Context): string | null {
  const mine = needs.filter((need) => need['operation'] === order['operation']);
  mine.sort(
    (one, other) => Number(one['priority']) - Number(other['priority']) || Number(one['id']) - Number(other['id']),
  );
  for (const { resource } of mine) {
    let row = resources.get(String(resource));
    while (typeof row?.['owner'] === 'string') row = resources.get(row['owner']);
    if (row !== undefined && row['subcategory'] !== 'tool') return row.name;
  }
  return null;
}

function minutesOf(operation: Row | undefined, quantity: number): number {
  const fixed = secondsOf(operation?.['duration']);
  const piece = operation?.['type'] === 'fixed_time' ? 0 : secondsOf(operation?.['duration_per']);
  return Math.floor((fixed + piece * quantity) / 60 + 0.5 + 1e-9);
}

function secondsOf(text: unknown): number {
  const [, days = '0', hours, minutes, seconds] = /^(?:(\d+) )?(\d+):(\d+):([\d.]+)$/.exec(String(text ?? '')) ?? [];
  return hours === undefined
    ? 0
    : Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

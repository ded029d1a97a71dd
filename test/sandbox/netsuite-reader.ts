import { localInstant } from '../../sandbox/local-time.ts';
import type { NetSuiteSimulator } from '../../sandbox/netsuite/index.ts';
import { type ImageRecord, type MesImage, type Table, tables } from '../../sandbox/types.ts';
import { type Item, suiteql } from './netsuite-client.ts';

type Fields = ImageRecord['fields'];

const iso = (column: string, name: string): string =>
  `TO_CHAR(SYS_EXTRACT_UTC(${column}), 'YYYY-MM-DD"T"HH24:MI:SS".000Z"') AS ${name}`;
const day = (column: string, name: string): string => `TO_CHAR(${column}, 'YYYY-MM-DD') AS ${name}`;

/** Reads a whole table by id, page after page; `statement` has a WHERE clause and selects `id`. */
export async function readAll(erp: NetSuiteSimulator, statement: string, id: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let last = '0'; ; ) {
    const q = `${statement} AND ${id} > ${last} ORDER BY ${id} ASC`;
    const { status, body } = await suiteql(erp, q, { query: 'limit=200&offset=0' });
    if (status !== 200) throw new Error(JSON.stringify(body));
    items.push(...((body.items ?? []) as unknown as Item[]));
    if (body.hasMore !== true) return items;
    last = items.at(-1)?.['id'] ?? last;
  }
}

/** The plainest client there can be, written from docs/connectors/netsuite.md: reads everything, every time. */
export class Reader {
  readonly #erp: NetSuiteSimulator;
  readonly #held = new Map<string, { table: Table; record: ImageRecord }>();

  constructor(erp: NetSuiteSimulator) {
    this.#erp = erp;
  }

  async pass(): Promise<void> {
    const seen = new Map<string, { table: Table; record: ImageRecord }>();
    const put: Put = (table, externalId, fields) => {
      const parent = parentOf(fields);
      if (parent !== undefined && !seen.has(parent) && !this.#held.has(parent)) return;
      seen.set(`${table}/${externalId}`, { table, record: { externalId, fields } });
    };
    await this.#outlived((externalId) => {
      seen.set(`jobs/${externalId}`, { table: 'jobs', record: { externalId, fields: {}, onHold: true } });
    });
    const cells = await this.#cells(put);
    await this.#jobs(put);
    await this.#parts(put);
    await this.#operations(put, cells);
    for (const [key, { table, record }] of this.#held) {
      if (seen.has(key)) continue;
      const { externalId } = record;
      const gone: ImageRecord =
        table === 'cells' ? { externalId, fields: { active: false } } : { externalId, fields: {}, onHold: true };
      seen.set(key, { table, record: gone });
    }
    for (const [key, held] of seen) this.#held.set(key, held);
  }

  image(): MesImage {
    const image = Object.fromEntries(tables.map((table) => [table, new Map<string, ImageRecord>()])) as MesImage;
    for (const { table, record } of this.#held.values()) image[table].set(record.externalId, record);
    return image;
  }

  async #cells(put: Put): Promise<Map<string, string>> {
    const statement = "SELECT id, groupname, isinactive FROM entitygroup WHERE ismanufacturingworkcenter = 'T'";
    const names = new Map<string, string>();
    for (const row of await readAll(this.#erp, statement, 'id')) {
      const name = `${row['groupname']} (${row['id']})`;
      names.set(String(row['id']), name);
      put('cells', String(row['id']), { name, active: row['isinactive'] === 'F' });
    }
    return names;
  }

  async #jobs(put: Put): Promise<void> {
    const statement = `SELECT t.id, t.tranid, NVL(c.companyname, c.entityid) AS customer, ${day('NVL(t.shipdate, t.duedate)', 'due')}
      FROM transaction t LEFT JOIN customer c ON c.id = t.entity WHERE t.type = 'SalesOrd' AND t.status IN ('B','D','E','F','G','H')`;
    for (const row of await readAll(this.#erp, statement, 't.id')) {
      const fields = { customer: row['customer'] ?? null, due_date: this.#midnight(row['due']) };
      put('jobs', String(row['id']), { job_number: row['tranid'] ?? String(row['id']), ...fields });
    }
  }

  /** Sales orders that are cancelled while work orders are made for them. */
  async #outlived(hold: (externalId: string) => void): Promise<void> {
    const statement = `SELECT s.id FROM transaction s WHERE s.type = 'SalesOrd' AND s.status = 'C' AND EXISTS (
      SELECT 1 FROM transactionline tl JOIN transaction t ON t.id = tl.transaction
      WHERE tl.createdfrom = s.id AND tl.mainline = 'T' AND t.type = 'WorkOrd' AND t.status NOT IN ('A', 'C'))`;
    for (const row of await readAll(this.#erp, statement, 's.id')) hold(String(row['id']));
  }

  async #parts(put: Put): Promise<void> {
    const statement = `SELECT t.id, t.tranid, i.itemid, tl.quantity, s.id AS sale, ${day('t.duedate', 'due')}
      FROM transaction t JOIN transactionline tl ON tl.transaction = t.id AND tl.mainline = 'T'
      LEFT JOIN item i ON i.id = tl.item LEFT JOIN transaction s ON s.id = tl.createdfrom AND s.type = 'SalesOrd'
      WHERE t.type = 'WorkOrd' AND BUILTIN.CF(t.status) NOT IN ('WorkOrd:A', 'WorkOrd:C')`;
    for (const row of await readAll(this.#erp, statement, 't.id')) {
      const id = String(row['id']);
      const [number, material] = [row['tranid'] ?? id, row['itemid'] ?? 'Unknown'];
      if (row['sale'] === undefined) {
        const due_date = this.#midnight(row['due']);
        put('jobs', `STOCK-${id}`, { job_number: `STOCK-${number}`, customer: null, due_date });
      }
      put('parts', id, {
        part_number: `${material}|${number}`,
        material,
        quantity: Math.max(1, Math.ceil(Number(row['quantity']))),
        job_external_id: row['sale'] ?? `STOCK-${id}`,
      });
    }
  }

  async #operations(put: Put, cells: Map<string, string>): Promise<void> {
    const statement = `SELECT o.id, o.workorder, o.operationsequence, NVL(o.title, o.operationsequence) AS title, o.manufacturingworkcenter,
      FLOOR(NVL(o.setuptime, 0) + NVL(o.runrate, 0) * NVL(o.inputquantity, 0) + 0.5) AS minutes,
      ${iso('o.startdatetime', 'planned_start')}, ${iso('o.enddate', 'planned_end')}
      FROM manufacturingOperationTask o JOIN transaction t ON t.id = o.workorder WHERE t.status NOT IN ('A', 'C')`;
    for (const row of await readAll(this.#erp, statement, 'o.id')) {
      put('operations', String(row['id']), {
        operation_name: String(row['title']),
        sequence: Number(row['operationsequence']),
        estimated_time_minutes: Number(row['minutes']),
        planned_start: row['planned_start'] ?? null,
        planned_end: row['planned_end'] ?? null,
        part_external_id: String(row['workorder']),
        cell_name: cells.get(row['manufacturingworkcenter'] ?? '') ?? null,
      });
    }
  }

  #midnight(date: string | undefined): string | null {
    return date === undefined ? null : localInstant(this.#erp.timeZone, date, '00:00:00');
  }
}

/** The key of the record that one with these fields hangs on. */
function parentOf({ job_external_id: job, part_external_id: part }: Fields): string | undefined {
  if (job !== undefined) return `jobs/${job}`;
  return part === undefined ? undefined : `parts/${part}`;
}

type Put = (table: Table, externalId: string, fields: Fields) => void;
